import { heapStats } from 'bun:jsc'
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { type Listeners, listen } from '../../src/http/listen.ts'
import { BusyPublishers } from '../support/busy-publishers.ts'
import { type Certificate, type Certificates, certificates } from '../support/certificates.ts'
import { draft } from '../support/hub.ts'
import { freePort } from '../support/port.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { rejection, settled } from '../support/settled.ts'
import { tempDir } from '../support/temp-dir.ts'
import { TlsFollower } from '../support/tls-follower.ts'
import { until } from '../support/until.ts'

let authority: Certificates
let first: Certificate
let second: Certificate
let served: ServedHub
let listeners: Listeners | undefined
const apps: ServedHub['app'][] = []
const followers: TlsFollower[] = []

beforeAll(async () => {
  authority = certificates()
  first = authority.issue('first.example')
  second = authority.issue('second.example')
  served = await servedHub({ limits: { connections: 1000 } })
})
afterEach(async () => {
  for (const follower of followers.splice(0)) follower.stop()
  await listeners?.cutOff()
  listeners = undefined
  apps.length = 0
})
afterAll(async () => {
  await served.close()
  authority[Symbol.dispose]()
})

async function serve(hosts = ['127.0.0.1'], port = freePort(), farewellMs = 100): Promise<Listeners> {
  listeners = await listen({
    app: (options) => {
      const app = served.newApp(options)
      apps.push(app)
      return app
    },
    hosts,
    port,
    tls: first,
    onMissing: () => {},
    farewellMs,
  })
  return listeners
}

async function connected(port: number, host = '127.0.0.1'): Promise<TLSSocket> {
  const socket = connect({ port, host, ca: authority.ca, checkServerIdentity: () => undefined })
  await once(socket, 'secureConnect')
  return socket
}

/** Whose certificate a new connection is shown. */
async function shown(port: number, host?: string): Promise<string> {
  const socket = await connected(port, host)
  try {
    return String(socket.getPeerCertificate().subject.CN)
  } finally {
    socket.destroy()
  }
}

async function follow(port: number, count: number): Promise<void> {
  const opened = Array.from({ length: count }, () => TlsFollower.open(port, '/events/ticks', authority.ca))
  followers.push(...(await Promise.all(opened)))
}

test('fifty streams get every event once while the certificate is replaced five times, and who connects sees the new one', async () => {
  const { port, renew } = bound(await serve())
  await follow(port, 50)
  let published = 0
  let over = false
  const publishing = (async () => {
    while (!over) {
      await served.hub.publish([draft('ticks', String(++published))])
      await Bun.sleep(1)
    }
  })()
  for (const [index, pair] of [second, first, second, first, second].entries()) {
    const before = published
    await until('events to flow', () => published > before + 20)
    await renew(pair)
    const name = index % 2 === 0 ? 'second.example' : 'first.example'
    expect(await Promise.all(Array.from({ length: 8 }, () => shown(port)))).toEqual(Array(8).fill(name))
  }
  over = true
  await publishing
  const all = Array.from({ length: published }, (_, index) => String(index + 1)).join()
  await until('everybody to have everything', () => followers.every(({ data }) => data.length >= published))
  for (const follower of followers) expect([follower.data.join(), follower.ended]).toEqual([all, false])
})

test('streams of before and after a renewal are ended by one stop', async () => {
  const served = await serve()
  const { port } = served
  await follow(port, 3)
  await served.renew(second)
  await follow(port, 3)
  const stopped = served.stop()
  await served.cutOff()
  await stopped
  await until('all to end', () => followers.every(({ ended }) => ended))
  expect(await settled(shown(port))).toThrow('ECONNREFUSED')
  // Nothing listens any more, and a late renewal does not begin to.
  expect(await served.renew(first)).toBe(false)
  expect(await settled(shown(port))).toThrow('ECONNREFUSED')
})

test('sixteen publishers that keep their connections notice nothing of renewals', async () => {
  // At each request half of those who are still at the old server move over: after a second nobody is left there.
  const farewellMs = 1_500
  const { port, renew } = bound(await serve(undefined, undefined, farewellMs))
  const publishers = new BusyPublishers(`https://127.0.0.1:${port}/events/busy`, 16, farewellMs)
  const before = served.log.head
  await until('them to be busy', () => served.log.head > before + 100)
  for (const pair of [second, first, second]) {
    const known = served.log.head
    await renew(pair)
    await until('events to flow', () => served.log.head > known + 50)
  }
  const published = await publishers.stop()
  expect(published).toEqual({ taken: served.log.head - before, refused: 0, nobody: 0, reset: 0 })
})

test('an answer says that it is the last one on its connection from a renewal on, and from a farewell on', async () => {
  const { port, renew } = bound(await serve())
  const ask = async (socket: TLSSocket) => {
    const answered = once(socket, 'data')
    socket.write('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n')
    return /^connection: (.*)\r$/im.exec(String((await answered)[0]))?.[1] ?? 'kept'
  }
  const [old, late] = [await connected(port), await connected(port)]
  expect(await ask(old)).toBe('kept')
  const renewing = renew(second)
  expect(await ask(old)).toBe('close')
  expect(await renewing).toBe(true)
  // It had not asked for anything yet, so it is still there.
  expect(await ask(late)).toBe('close')
  const fresh = await connected(port)
  expect(await ask(fresh)).toBe('kept')
  const closed = once(fresh, 'close')
  listeners!.farewell()
  expect(await ask(fresh)).toBe('close')
  await closed
})

test('a stop in the middle of a renewal does not wait for it, and it says that nothing is shown', async () => {
  const { port, renew } = bound(await serve())
  const renewing = renew(second)
  await listeners!.stop()
  expect(await renewing).toBe(false)
  expect(await settled(shown(port))).toThrow('ECONNREFUSED')
})

test('a pair that the runtime refuses changes nothing', async () => {
  const { port, renew } = bound(await serve())
  await follow(port, 1)
  expect(await settled(renew({ cert: first.cert, key: second.key }))).toThrow('KEY_VALUES_MISMATCH')
  for (let time = 0; time < 4; time++) expect(await shown(port)).toBe('first.example')
  await served.hub.publish([draft('ticks', 'goes on')])
  await until('the event', () => followers[0]!.data.includes('goes on'))
})

test('what a renewal takes the place of is not kept once its last connection is gone', async () => {
  const served = await serve()
  const kept = () => {
    Bun.gc(true)
    const { objectTypeCounts } = heapStats()
    return objectTypeCounts.HTTPSServer ?? 0
  }
  for (let time = 0; time < 20; time++) await served.renew(time % 2 === 0 ? second : first)
  apps.length = 0
  await until('them to be gone', () => kept() < 5)
})

test('a request that is being answered is answered to its end, on the connection it came on', async () => {
  const { port, renew } = bound(await serve())
  const socket = await connected(port)
  try {
    let answer = ''
    socket.on('data', (bytes) => {
      answer += bytes
    })
    socket.write('POST /events/slow HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nhel')
    await until('the request to be there', () => apps[0]!.server!.pendingRequests === 1)
    await renew(second)
    socket.write('lo')
    await until('the answer', () => answer.includes('"topic":"slow"'))
    expect(answer).toStartWith('HTTP/1.1 201')
  } finally {
    socket.destroy()
  }
})

test.each(['127.0.0.1', '0.0.0.0'])(
  'a port where something listens on %s is refused, also by something that shares its own',
  async (host) => {
    const port = freePort()
    const other = Bun.serve({ port, hostname: host, reusePort: true, fetch: () => new Response('other') })
    try {
      expect(await rejection(serve(['127.0.0.1'], port))).toMatchObject({ code: 'port-in-use' })
    } finally {
      await other.stop(true)
    }
  },
)

test('two hubs with TLS do not share a port', async () => {
  const { port } = await serve()
  const again = listen({ app: served.newApp, hosts: ['127.0.0.1'], port, tls: second, onMissing: () => {} })
  expect(await rejection(again)).toMatchObject({ code: 'port-in-use' })
})

test('of two processes that begin to listen at the same moment one gets the port, every time', async () => {
  using dir = tempDir()
  const files = [join(dir.path, 'cert.pem'), join(dir.path, 'key.pem')] as const
  writeFileSync(files[0], first.cert)
  writeFileSync(files[1], first.key)
  const both = [0, 1].map(() => {
    const child = Bun.spawn(['bun', join(import.meta.dir, '../support/joint-start.ts'), ...files], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
    })
    const said = linesOf(child.stdout)
    const tell = (line: string) => void child.stdin.write(`${line}\n`)
    return { child, tell, next: async () => (await said.next()).value }
  })
  try {
    for (const { next } of both) expect(await next()).toBe('ready')
    for (let round = 0; round < 30; round++) {
      const line = `${freePort()} ${Date.now() + 20}`
      for (const { tell } of both) tell(line)
      const said = await Promise.all(both.map(({ next }) => next()))
      expect([round, ...said.sort()]).toEqual([round, 'listens', 'port-in-use'])
      for (const { tell, next } of both) {
        tell('')
        expect(await next()).toBe('stopped')
      }
    }
  } finally {
    for (const { child } of both) child.kill()
    await Promise.all(both.map(({ child }) => child.exited))
  }
})

test('a port whose UDP twin is taken by something else is listened on all the same', async () => {
  const port = freePort()
  const other = await Bun.udpSocket({ hostname: '127.0.0.1', port })
  try {
    expect((await serve(['127.0.0.1'], port)).port).toBe(port)
  } finally {
    other.close()
  }
})

test('every host has the certificate, and the new one after a renewal', async () => {
  const both = await serve(['127.0.0.1', '127.0.0.2'], 0)
  expect(both.urls).toEqual([`https://127.0.0.1:${both.port}`, `https://127.0.0.2:${both.port}`])
  await both.renew(second)
  for (const host of ['127.0.0.1', '127.0.0.2']) expect(await shown(both.port, host)).toBe('second.example')
})

test('TLS 1.1 and older are refused, 1.2 and 1.3 are not', async () => {
  const { port } = await serve()
  const version = async (max: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') => {
    const flag = `-${max.replace('TLSv', 'tls').replace('.', '_')}`
    const openssl = ['openssl', 's_client', '-connect', `127.0.0.1:${port}`, flag, '-cipher', 'ALL:@SECLEVEL=0']
    const { stdout, stderr } = Bun.spawn(openssl, { stdin: new Blob(['']), stderr: 'pipe' })
    const said = (await Promise.all([new Response(stdout).text(), new Response(stderr).text()])).join('')
    return /alert protocol version/.test(said) ? 'refused' : /^New, (TLSv1\.\d), Cipher is [A-Z]/m.exec(said)?.[1]
  }
  expect(await version('TLSv1')).toBe('refused')
  expect(await version('TLSv1.1')).toBe('refused')
  expect(await version('TLSv1.2')).toBe('TLSv1.2')
  expect(await version('TLSv1.3')).toBe('TLSv1.3')
})

test('plain http on the port of https is closed without an answer', async () => {
  const { port } = await serve()
  const said: string[] = []
  const closed = Promise.withResolvers<void>()
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: { data: (_, bytes) => void said.push(bytes.toString()), close: () => closed.resolve(), error: () => {} },
  })
  socket.write('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await closed.promise
  expect(said).toEqual([])
})

function bound(listeners: Listeners): { port: number; renew: Listeners['renew'] } {
  return { port: listeners.port, renew: (pair) => listeners.renew(pair) }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + Buffer.from(chunk).toString()).split('\n')
    rest = lines.pop()!
    yield* lines
  }
}
