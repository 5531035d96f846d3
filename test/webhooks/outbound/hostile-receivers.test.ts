import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Socket } from 'node:net'
import { HttpOutbound } from '../../../src/webhooks/outbound/http-outbound.ts'
import type { Failure, Outcome } from '../../../src/webhooks/outbound/outcome.ts'
import { type Certificates, certificates } from '../../support/certificates.ts'
import { answering, dripping, flooding, rawReceiver } from '../../support/raw-receiver.ts'
import { until } from '../../support/until.ts'

/** Of those that never end. */
const TIMEOUT_MS = 300
/** Of the others, which end by themselves, however busy the machine is. */
const PATIENCE_MS = 25_000
/** Of a machine with other things to do. */
const LATE_MS = 20_000
const MOST_BYTES = 4096
const ROOM_BYTES = 96 * 1024 * 1024

const HEAD = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${HEAD}transfer-encoding: chunked\r\n\r\n`
const LINE = `x-a: ${'b'.repeat(1000)}\r\n`

let authority: Certificates
beforeAll(() => {
  authority = certificates()
})
afterAll(() => authority[Symbol.dispose]())

interface Sent {
  outcome: Outcome
  ms: number
  grewBytes: number
}

interface Sending {
  scheme?: 'http' | 'https'
  readBytes?: number
  timeoutMs?: number
}

/** One POST to such a receiver; its connection has to be gone afterwards. */
async function sendTo(
  serve: (socket: Socket) => void,
  { scheme = 'http', readBytes = MOST_BYTES, timeoutMs = PATIENCE_MS }: Sending = {},
): Promise<Sent> {
  await using receiver = await rawReceiver(serve)
  const outbound = new HttpOutbound({ resolve: async () => ['127.0.0.1'], ca: authority.ca })
  try {
    const rss = process.memoryUsage.rss()
    const began = performance.now()
    const outcome = await outbound.post({
      url: new URL(`${scheme}://hooks.example.net:${receiver.port}/`),
      rule: { loopback: true, private: true },
      headers: {},
      body: '{}',
      timeoutMs,
      readBytes,
    })
    const sent = { outcome, ms: performance.now() - began, grewBytes: process.memoryUsage.rss() - rss }
    outbound.close()
    await until('its connection is closed', () =>
      [...receiver.open].every((socket) => socket.destroyed || ended(socket)),
    )
    return sent
  } finally {
    outbound.close()
  }
}

function ended(socket: Socket): boolean {
  return socket.readableEnded
}

function timeOf(failure: Failure): Pick<Sending, 'timeoutMs'> {
  return { timeoutMs: failure === 'timeout' ? TIMEOUT_MS : PATIENCE_MS }
}

function expectBounded({ ms, grewBytes }: Sent): void {
  expect(ms).toBeLessThan(TIMEOUT_MS + LATE_MS)
  expect(grewBytes).toBeLessThan(ROOM_BYTES)
}

const once = (bytes: string) => (socket: Socket) => void socket.once('data', () => socket.end(bytes))

const failing: readonly (readonly [string, Failure, (socket: Socket) => void])[] = [
  ['says nothing', 'timeout', () => {}],
  ['closes at once', 'connection_refused', (socket) => void socket.end()],
  ['closes after the request', 'connection_refused', once('')],
  ['resets', 'connection_refused', (socket) => void socket.once('data', () => socket.resetAndDestroy())],
  ['sends headers without end', 'connection_refused', flooding(HEAD, LINE.repeat(16))],
  ['sends one header without end', 'connection_refused', flooding(`${HEAD}x-a: `, 'b'.repeat(16_384))],
  ['sends a status line without end', 'connection_refused', flooding('HTTP/1.1 200 ', 'b'.repeat(16_384))],
  ['sends a header a byte at a time', 'timeout', dripping(HEAD, LINE)],
  ['says 100 Continue without end', 'timeout', flooding('', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(100))],
  ['says 103 without end', 'timeout', flooding('', 'HTTP/1.1 103 Early\r\nlink: </a>\r\n\r\n'.repeat(100))],
  ['sends an extension of a chunk without end', 'timeout', flooding(`${CHUNKED}4;`, 'b'.repeat(16_384))],
  ['sends trailers without end', 'timeout', flooding(`${CHUNKED}0\r\n`, LINE.repeat(16))],
  ['sends a body a byte at a time', 'timeout', dripping(`${HEAD}content-length: 4096\r\n\r\n`, 'x')],
  ['sends less than it promised', 'connection_refused', once(`${HEAD}content-length: 100\r\n\r\nok`)],
  ['promises a negative length', 'connection_refused', once(`${HEAD}content-length: -1\r\n\r\nok`)],
  ['promises two lengths', 'connection_refused', once(`${HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\nok`)],
  ['promises what no number holds', 'connection_refused', once(`${HEAD}content-length: ${'9'.repeat(30)}\r\n\r\nok`)],
  ['speaks another protocol', 'connection_refused', (socket) => void socket.end('SSH-2.0-OpenSSH_9.9\r\n')],
  ['changes the protocol', 'connection_refused', once('HTTP/1.1 101 Go\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n')],
  ['answers with status 000', 'connection_refused', once('HTTP/1.1 000 No\r\ncontent-length: 0\r\n\r\n')],
  [
    'answers with status 600 and never ends',
    'connection_refused',
    flooding('HTTP/1.1 600 No\r\n\r\n', 'b'.repeat(16_384)),
  ],
  ['answers with status 600', 'connection_refused', once('HTTP/1.1 600 No\r\ncontent-length: 0\r\n\r\n')],
]

describe('a receiver that', () => {
  test.each(failing)('%s ends as %s', async (_, failure, serve) => {
    const sent = await sendTo(serve, timeOf(failure))
    expect(sent.outcome).toEqual({ kind: 'failed', failure })
    expectBounded(sent)
  })

  test.each<readonly [string, (socket: Socket) => void]>([
    ['of unknown length', flooding(`${HEAD}\r\n`, 'b'.repeat(16_384))],
    ['in chunks', flooding(CHUNKED, `4000\r\n${'b'.repeat(16_384)}\r\n`)],
    ['in chunks of one byte', flooding(CHUNKED, '1\r\nb\r\n'.repeat(1000))],
    ['as long as it promised', flooding(`${HEAD}content-length: 99999999999\r\n\r\n`, 'b'.repeat(16_384))],
  ])('sends a body without end, %s, is read as far as was asked', async (_, serve) => {
    const sent = await sendTo(serve)
    expect(sent.outcome).toMatchObject({ kind: 'answered', status: 200 })
    expect(sent.outcome.kind === 'answered' && sent.outcome.body).toEqual(new Uint8Array(MOST_BYTES).fill(0x62))
    expectBounded(sent)
  })

  test.each<readonly [string, (socket: Socket) => void]>([
    ['never ends', flooding(`${HEAD}\r\n`, 'b'.repeat(16_384))],
    ['drips', dripping(`${HEAD}content-length: 4096\r\n\r\n`, 'x')],
    ['breaks off', once(`${HEAD}content-length: 100\r\n\r\nok`)],
    ['does not come', answering(`${HEAD}content-length: 100\r\n\r\n`)],
  ])('has taken it, and whose body %s, has taken it where no body is asked for', async (_, serve) => {
    const sent = await sendTo(serve, { readBytes: 0 })
    expect(sent.outcome).toMatchObject({ kind: 'answered', status: 200, body: new Uint8Array() })
    expectBounded(sent)
  })

  test('packs its answer is given packed: a small body never becomes a large one', async () => {
    const packed = Bun.gzipSync(new Uint8Array(1024 * 1024))
    const { outcome } = await sendTo((socket) => {
      socket.once('data', () => {
        socket.write(`${HEAD}content-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`)
        socket.end(packed)
      })
    })
    expect(outcome.kind === 'answered' && outcome.body.subarray(0, 2)).toEqual(new Uint8Array([0x1f, 0x8b]))
  })
})

describe('over TLS, a receiver that', () => {
  test.each<readonly [string, Failure, (socket: Socket) => void]>([
    [
      'speaks plain HTTP',
      'tls_error',
      (socket) => void socket.once('data', () => socket.end('HTTP/1.1 400 No\r\n\r\n')),
    ],
    ['speaks something else at once', 'tls_error', (socket) => void socket.end('220 mail.example.net ESMTP\r\n')],
    ['says nothing', 'timeout', () => {}],
    ['closes in the middle of the handshake', 'connection_refused', once('')],
  ])('%s ends as %s', async (_, failure, serve) => {
    const sent = await sendTo(serve, { scheme: 'https', ...timeOf(failure) })
    expect(sent.outcome).toEqual({ kind: 'failed', failure })
    expectBounded(sent)
  })
})
