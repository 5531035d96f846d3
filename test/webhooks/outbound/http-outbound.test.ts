import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { HttpOutbound, type HttpOutboundOptions } from '../../../src/webhooks/outbound/http-outbound.ts'
import { type OutboundRequest, type Outcome, PUBLIC_ONLY } from '../../../src/webhooks/outbound/outcome.ts'
import { type Certificates, certificates } from '../../support/certificates.ts'
import { answering, rawReceiver } from '../../support/raw-receiver.ts'
import { until } from '../../support/until.ts'

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
/** A name of the operator's, which may lead anywhere. */
const EVERYTHING = { loopback: true, private: true }
const REFUSED: Outcome = { kind: 'failed', failure: 'connection_refused' }

let authority: Certificates
beforeAll(() => {
  authority = certificates()
})
afterAll(() => authority[Symbol.dispose]())

function outbound(options: HttpOutboundOptions = {}) {
  const made = new HttpOutbound({ resolve: async () => ['127.0.0.1'], ca: authority.ca, ...options })
  return Object.assign(made, { [Symbol.dispose]: () => made.close() })
}

function to(url: string, more: Partial<OutboundRequest> = {}): OutboundRequest {
  const { href } = new URL(url)
  const headers = { 'content-type': 'application/json' }
  return { url: new URL(href), rule: EVERYTHING, headers, body: '{}', timeoutMs: 60_000, readBytes: 0, ...more }
}

async function bodyOf(outcome: Outcome): Promise<string> {
  return outcome.kind === 'answered' ? new TextDecoder().decode(outcome.body) : outcome.failure
}

describe('to a checked address', () => {
  test('the name stays in Host and in what the certificate is for, path and query as they were', async () => {
    let seen = ''
    await using receiver = await rawReceiver((socket) => {
      socket.on('data', (bytes) => {
        seen += bytes.toString('latin1')
        if (seen.endsWith('\r\n\r\n{}')) socket.write(OK)
      })
    }, authority.issue('hooks.example.net'))
    using sender = outbound()
    const url = `https://hooks.example.net:${receiver.port}/a%2Fb//c?d=%zz&e`
    const outcome = await sender.post(to(url, { headers: { 'webhook-id': 'evt_1' }, readBytes: 10 }))
    expect(await bodyOf(outcome)).toBe('ok')
    const [requestLine, ...lines] = seen.split('\r\n')
    expect(requestLine).toBe('POST /a%2Fb//c?d=%zz&e HTTP/1.1')
    expect(lines.filter((line) => /^host:/i.test(line))).toEqual([`Host: hooks.example.net:${receiver.port}`])
    expect(seen).toMatch(/^webhook-id: evt_1\r$/im)
    expect(seen).not.toMatch(/^(accept-encoding|cookie|authorization|referer|origin):/im)
    expect(seen.endsWith('\r\n\r\n{}')).toBeTrue()
  })

  test('one connection serves many events to one name, and none to another name at the same address', async () => {
    await using receiver = await rawReceiver(answering(OK), authority.issue('*.example.net'))
    using sender = outbound()
    for (let turn = 0; turn < 5; turn++) {
      expect((await sender.post(to(`https://a.example.net:${receiver.port}/`))).kind).toBe('answered')
    }
    expect(receiver.connections).toBe(1)
    await sender.post(to(`https://b.example.net:${receiver.port}/`))
    expect(receiver.connections).toBe(2)
  })

  const HEAD = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n'

  test('a body that comes later than its head keeps the connection', async () => {
    await using receiver = await rawReceiver((socket) => {
      answering(HEAD)(socket)
      socket.on('data', (bytes) => {
        if (bytes.toString().endsWith('{}')) setTimeout(() => socket.destroyed || socket.write('ok'), 20).unref()
      })
    })
    // It has so long that a machine that stands still is not what closes the connection.
    using sender = outbound({ drainMs: 60_000 })
    const request = to(`http://hooks.example.net:${receiver.port}/`)
    for (let turn = 0; turn < 3; turn++) expect((await sender.post(request)).kind).toBe('answered')
    expect(receiver.connections).toBe(1)
  })

  test('a body that does not come keeps the caller no longer than a moment, and its connection is closed', async () => {
    await using receiver = await rawReceiver(answering(HEAD))
    using sender = outbound()
    // Longer than this test has.
    const request = to(`http://hooks.example.net:${receiver.port}/`, { timeoutMs: 3_600_000 })
    expect((await sender.post(request)).kind).toBe('answered')
    await until('its connection is closed', () => receiver.open.size === 0)
  })

  test('the next address is tried when the first one refuses the connection, and none after an answer', async () => {
    await using receiver = await rawReceiver(answering('HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n'))
    using sender = outbound({ resolve: async () => ['::1', '127.0.0.1', '127.0.0.1'] })
    const outcome = await sender.post(to(`http://two.example.net:${receiver.port}/`))
    expect(outcome).toMatchObject({ kind: 'answered', status: 500 })
    expect(receiver.connections).toBe(1)
  })

  test('a name that leads to this machine is refused without a connection, whether somebody listens or not', async () => {
    await using receiver = await rawReceiver(answering(OK), authority.issue('hooks.example.net'))
    const closed = await rawReceiver(() => {})
    await closed[Symbol.asyncDispose]()
    using sender = outbound()
    for (const rule of [PUBLIC_ONLY, { loopback: false, private: true }, { loopback: true, private: false }]) {
      for (const { port } of [receiver, closed]) {
        expect(await sender.post(to(`https://hooks.example.net:${port}/`, { rule }))).toEqual(REFUSED)
        expect(await sender.post(to(`https://nowhere.example.net:${port}/`, { rule }))).toEqual(REFUSED)
      }
    }
    for (const { port } of [receiver, closed]) {
      expect(await sender.post(to(`https://127.0.0.1:${port}/`, { rule: PUBLIC_ONLY }))).toEqual(REFUSED)
      expect(await sender.post(to(`https://localhost:${port}/`, { rule: PUBLIC_ONLY }))).toEqual(REFUSED)
    }
    expect(receiver.connections).toBe(0)
  })

  test('a name that leads elsewhere a moment later is checked again, its open connection notwithstanding', async () => {
    await using receiver = await rawReceiver(answering(OK))
    let answer = ['127.0.0.1']
    using sender = outbound({ resolve: async () => answer })
    const request = to(`http://rebinding.example.net:${receiver.port}/`)
    expect((await sender.post(request)).kind).toBe('answered')
    answer = ['127.0.0.1', '169.254.169.254']
    const refused = await until('the second answer counts', async () => {
      const outcome = await sender.post(request)
      return outcome.kind === 'failed' && outcome
    })
    expect(refused).toEqual(REFUSED)
  })

  test('a redirect is an answer and is not followed', async () => {
    await using elsewhere = await rawReceiver(answering(OK))
    const location = `http://127.0.0.1:${elsewhere.port}/`
    using sender = outbound()
    for (const status of [301, 302, 303, 307, 308]) {
      await using receiver = await rawReceiver(
        answering(`HTTP/1.1 ${status} Go\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`),
      )
      const outcome = await sender.post(to(`http://hooks.example.net:${receiver.port}/`))
      expect(outcome).toMatchObject({ kind: 'answered', status })
    }
    expect(elsewhere.connections).toBe(0)
  })
})

describe('what the environment says changes nothing', () => {
  const script = join(import.meta.dir, '../../support/outbound-process.ts')
  async function run(env: Record<string, string>, ...args: string[]): Promise<unknown> {
    const child = Bun.spawn([process.execPath, script, ...args], { env: { PATH: process.env.PATH ?? '', ...env } })
    return JSON.parse(await new Response(child.stdout).text())
  }

  test('no proxy is used', async () => {
    await using proxy = await rawReceiver(answering(OK))
    await using receiver = await rawReceiver(answering('HTTP/1.1 204 Taken\r\n\r\n'))
    const address = `http://127.0.0.1:${proxy.port}`
    const env = { HTTP_PROXY: address, http_proxy: address, HTTPS_PROXY: address, ALL_PROXY: address }
    const outcome = await run(env, `http://hooks.example.net:${receiver.port}/`)
    expect(outcome).toMatchObject({ kind: 'answered', status: 204 })
    expect([proxy.connections, receiver.connections]).toEqual([0, 1])
  })

  test('certificates are checked', async () => {
    await using receiver = await rawReceiver(answering(OK), authority.issue('hooks.example.net'))
    const url = `https://hooks.example.net:${receiver.port}/`
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    expect(await run(env, url)).toEqual({ kind: 'failed', failure: 'tls_error' })
    expect(await run(env, url, authority.ca)).toMatchObject({ kind: 'answered', status: 200 })
  })
})

describe('certificates', () => {
  test.each([
    ['of another name', 'other.example.net', 2],
    ['of the address', 'IP:127.0.0.1', 2],
    ['that has expired', 'hooks.example.net', -1],
  ])('one %s is a TLS error', async (_, name, days) => {
    await using receiver = await rawReceiver(answering(OK), authority.issue(name, days))
    using sender = outbound()
    const outcome = await sender.post(to(`https://hooks.example.net:${receiver.port}/`))
    expect(outcome).toEqual({ kind: 'failed', failure: 'tls_error' })
  })

  test('one of an unknown authority is a TLS error', async () => {
    using other = certificates()
    await using receiver = await rawReceiver(answering(OK), other.issue('hooks.example.net'))
    using sender = outbound()
    const outcome = await sender.post(to(`https://hooks.example.net:${receiver.port}/`))
    expect(outcome).toEqual({ kind: 'failed', failure: 'tls_error' })
  })

  test('that of an address serves a URL with this address', async () => {
    await using receiver = await rawReceiver(answering(OK), authority.issue('IP:127.0.0.1'))
    using sender = outbound()
    expect((await sender.post(to(`https://127.0.0.1:${receiver.port}/`))).kind).toBe('answered')
  })
})

describe('an end', () => {
  test('comes with the deadline while the name is still looked up', async () => {
    using sender = outbound({ resolve: () => new Promise(() => {}) })
    const outcome = await sender.post(to('https://hooks.example.net/', { timeoutMs: 50 }))
    expect(outcome).toEqual({ kind: 'failed', failure: 'timeout' })
  })

  test('comes with the signal of the caller, before and while it is sent', async () => {
    await using receiver = await rawReceiver(() => {})
    using sender = outbound()
    const gone = AbortSignal.abort()
    const url = `http://hooks.example.net:${receiver.port}/`
    expect(await sender.post(to(url, { signal: gone }))).toEqual(REFUSED)
    expect(receiver.connections).toBe(0)
    const leaving = new AbortController()
    const outcome = sender.post(to(url, { signal: leaving.signal }))
    await until('it is connected', () => receiver.open.size === 1)
    leaving.abort()
    expect(await outcome).toEqual(REFUSED)
    await until('its connection is closed', () => receiver.open.size === 0)
  })

  test('comes to everything when it is closed, and nothing is sent afterwards', async () => {
    await using receiver = await rawReceiver(() => {})
    using sender = outbound()
    const url = `http://hooks.example.net:${receiver.port}/`
    const outcomes = Array.from({ length: 3 }, () => sender.post(to(url)))
    await until('they are connected', () => receiver.open.size === 3)
    sender.close()
    sender.close()
    expect(await Promise.all(outcomes)).toEqual([REFUSED, REFUSED, REFUSED])
    expect(await sender.post(to(url))).toEqual(REFUSED)
    expect(receiver.connections).toBe(3)
    await until('their connections are closed', () => receiver.open.size === 0)
  })
})

test('what cannot be sent at all is a failure and not an exception', async () => {
  using sender = outbound()
  const headers = { 'x-bad': 'a\r\nb: c' }
  expect(await sender.post(to('http://hooks.example.net:1/', { headers }))).toEqual(REFUSED)
  const broken = outbound({ resolve: () => Promise.reject(new Error('no such name')) })
  expect(await broken.post(to('https://hooks.example.net/'))).toEqual(REFUSED)
})

test.each([
  ['120', 120_000],
  ['0', 0],
  ['99999999', 3_600_000],
  ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
  ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
  ['Sun, 22 Nov 2099 12:00:00 GMT', 3_600_000],
  ['-5', undefined],
  ['1.5', undefined],
  ['tomorrow', undefined],
  ['2026-11-22', undefined],
])('Retry-After: %s is %p milliseconds', async (value, ms) => {
  await using receiver = await rawReceiver(
    answering(`HTTP/1.1 503 Later\r\nretry-after: ${value}\r\ncontent-length: 0\r\n\r\n`),
  )
  using sender = outbound({ now: () => Date.UTC(2026, 10, 22, 12) })
  const outcome = await sender.post(to(`http://hooks.example.net:${receiver.port}/`))
  expect(outcome).toMatchObject({ kind: 'answered', status: 503, retryAfterMs: ms })
})
