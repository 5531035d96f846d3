import { afterEach, describe, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { expectProblem } from '../support/problem.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { until } from '../support/until.ts'

let served: ServedHub
afterEach(() => served.close())

/** A request written by hand, and everything that comes back until the server closes. */
function rawRequest(...lines: string[]): { socket: Socket; answer: Promise<string>; text: () => string } {
  return rawRequestTo(served.port, ...lines)
}

function rawRequestTo(port: number, ...lines: string[]) {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  const answer = new Promise<string>((resolve, reject) => {
    socket.on('data', (bytes) => {
      received += bytes.toString()
    })
    socket.on('close', () => resolve(received))
    socket.on('error', reject)
  })
  socket.write(lines.join('\r\n'))
  return { socket, answer, text: () => received }
}

const head = (...headers: string[]): string[] => ['POST /events/a HTTP/1.1', 'Host: localhost', ...headers, '', '']

describe('a body that does not come to an end', () => {
  for (const [name, headers, start] of [
    ['with a declared length', 'Content-Length: 100', 'abc'],
    ['of many declared bytes', 'Content-Length: 200000', 'abc'],
    ['in chunks', 'Transfer-Encoding: chunked', '3\r\nabc\r\n'],
  ] as const) {
    test(`${name} is refused in time, and its connection is closed`, async () => {
      served = await servedHub({ bodyTimeoutMs: 100 })
      const answer = await rawRequest(`${head(headers).join('\r\n')}${start}`).answer
      expect(answer).toStartWith('HTTP/1.1 408 ')
      expect(answer).toContain('"code":"body-too-slow"')
      expect(answer.toLowerCase()).toContain('connection: close')
      expect(await served.stored()).toEqual([])
    })
  }

  test('because its client went away stores nothing and is no failure', async () => {
    served = await servedHub()
    const { socket } = rawRequest(`${head('Content-Length: 100').join('\r\n')}abc`)
    await until('sent', () => socket.bytesWritten > 0 && !socket.writableNeedDrain)
    socket.destroy()
    const { status } = await served.fetch('/events/b', { method: 'POST', body: 'after' })
    expect(status).toBe(201)
    expect((await served.stored()).map((event) => event.topic)).toEqual(['b'])
    expect(served.reports).toEqual([])
  })
})

test('a chunked body is refused as soon as it is too large, not when it ends', async () => {
  served = await servedHub()
  const { socket, answer } = rawRequest(head('Transfer-Encoding: chunked').join('\r\n'))
  const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`
  for (let sent = 0; sent < 5; sent++) socket.write(piece)
  expect(await answer).toContain('"code":"event-too-large"')
  expect(await served.stored()).toEqual([])
})

test('a declared length above the limit is refused before the body is sent', async () => {
  served = await servedHub()
  const { socket, answer } = rawRequest(head('Content-Length: 10000000000').join('\r\n'))
  expect(await answer).toContain('"code":"event-too-large"')
  socket.destroy()
})

describe('room for bodies', () => {
  test('is given back when a body is done, whatever became of it', async () => {
    served = await servedHub({ rooms: { bodies: 300_000 } })
    const impatient = served.newApp({ bodyTimeoutMs: 100 }).listen({ port: 0, hostname: '127.0.0.1' })
    for (let round = 0; round < 5; round++) {
      const good = await served.fetch('/events/a', { method: 'POST', body: 'x'.repeat(60_000) })
      expect(good.status).toBe(201)
      const large = await served.fetch('/events/a', { method: 'POST', body: 'x'.repeat(200_000) })
      expect(large.status).toBe(201)
      const bad = await served.fetch('/events/a?type=x', { method: 'POST', body: new Uint8Array(60_000).fill(0xff) })
      expect(bad.status).toBe(400)
      const { answer } = rawRequestTo(impatient.server!.port!, `${head('Content-Length: 60000').join('\r\n')}abc`)
      expect(await answer).toContain(' 408 ')
    }
    await impatient.stop(true)
  })

  test('that is full makes the next publisher wait with Retry-After, and lets it in later', async () => {
    served = await servedHub({ rooms: { bodies: 100_000 } })
    const { socket } = rawRequest(head('Content-Length: 60000').join('\r\n') + 'x'.repeat(59_000))
    const publish = (): Promise<Response> => served.fetch('/events/b', { method: 'POST', body: 'x'.repeat(60_000) })
    const refused = await until('a refusal', async () => {
      const response = await publish()
      return response.status === 503 ? response : undefined
    })
    expect(refused.headers.get('retry-after')).toBe('1')
    await expectProblem(refused, 503, 'overloaded')
    socket.destroy()
    await until('room again', async () => (await publish()).status === 201)
  })
})

describe('a hub that cannot take more', () => {
  test('refuses a publish before its body is sent', async () => {
    served = await servedHub({ limits: { pendingBytes: 1000 } })
    const gate = Promise.withResolvers<void>()
    served.log.onCommit(() => gate.promise)
    const waiting = served.fetch('/events/a', { method: 'POST', body: 'x'.repeat(900) })
    await until('a publish waits', () => served.log.pressure.bytes >= 900)
    const { socket, text } = rawRequest(head('Content-Length: 200').join('\r\n'))
    await until('an answer', () => text().includes('"code":"overloaded"'))
    expect(text()).toContain('retry-after: 1')
    socket.destroy()
    gate.resolve()
    expect((await waiting).status).toBe(201)
  })

  test('says so while it stops', async () => {
    served = await servedHub()
    await served.hub.drain()
    const response = await served.fetch('/events/a', { method: 'POST', body: 'x' })
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    await expectProblem(response, 503, 'draining')
  })
})
