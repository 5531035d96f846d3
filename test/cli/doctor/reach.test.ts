import { afterEach, expect, test } from 'bun:test'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { Way } from '../../../src/cli/doctor/way.ts'
import { keySettings, testKey } from '../../support/access.ts'
import { checkOf, doctor, examinedHub, troubles } from '../../support/doctor.ts'
import { scriptedHub } from '../../support/scripted-hub.ts'
import { secret } from '../../support/secrets.ts'
import type { ServedHub } from '../../support/served-hub.ts'
import { settled } from '../../support/settled.ts'

/** Who answered, with what, and what that says of the way. Behind a real nginx: test/e2e/doctor.test.ts. */

const PATH = 'A path in front of a hub is not supported: give it a host name of its own.'

/** Longer than a name can be, so that no DNS server is asked, which may be away. */
const NOBODY = `${'n'.repeat(64)}.invalid`

const key = testKey('doctor', { publish: ['**'], subscribe: ['**'] })
let hub: ServedHub | undefined
let listener: Server | undefined
afterEach(async () => {
  await hub?.close()
  hub = undefined
  listener?.close()
  listener = undefined
})

async function reached(
  url: string,
  { check = 'reach', env = {} }: { check?: string; env?: Record<string, string> } = {},
) {
  const { examined, exitCode } = await doctor(url, { key: key.text, env })
  expect(exitCode).toBe(1)
  const { tls = '', ...found } = troubles(examined)
  // Plain http to another machine is a warning of its own.
  expect(tls === 'warn' ? found : troubles(examined)).toEqual({ [check]: 'fail' })
  const { saw, change } = checkOf(examined, check)
  return { saw, change }
}

/** What listens, and does with each connection what `met` says. */
async function listening(met: (socket: import('node:net').Socket) => void): Promise<number> {
  const server = createServer((socket) => met(socket.on('error', () => {})))
  listener = server
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

test.each([
  ['with a key', true],
  ['without one', false],
])('a path that arrives at a hub %s is said to, with the root where the hub is', async (_, keyed) => {
  hub = await examinedHub(keyed ? { access: keySettings([key]) } : {})
  expect(await reached(`${hub.url}/livez`)).toEqual({
    saw: 'The hub got /livez/livez: the path arrives.',
    change: [`mcp-sse doctor ${hub.url}`],
  })
})

test('a path that arrives at a hub that nobody sees at the root gets no other name from us than one of its own', async () => {
  const problem = JSON.stringify({ code: 'credential-missing', detail: 'Show a key.' })
  await using front = scriptedHub(({ path }) =>
    path.startsWith('/hub/')
      ? new Response(problem, { status: 401, headers: { 'content-type': 'application/problem+json' } })
      : new Response('<h1>Our site</h1>'),
  )
  expect(await reached(`${front.url}/hub`)).toEqual({
    saw: 'The hub got /hub/livez: the path arrives.',
    change: [PATH, 'more: docs/deploy.md#under-a-path'],
  })
})

test.each([
  [502, {}, /^The proxy runs and reaches no hub: it answered 502\.$/, /^Start the hub, and check the address and port/],
  [503, {}, /^The proxy runs and reaches no hub: it answered 503\.$/, /^Start the hub/],
  [
    401,
    { 'www-authenticate': 'Basic realm="staff"' },
    /^The proxy asks for a password: Basic realm="staff" \(401\)\.$/,
    /^Take the password out/,
  ],
  [404, {}, /\/livez answered 404, and that is not a hub: no page\.?$/, /^Check the URL/],
])('%p of something in front is what it is', async (status, headers, saw, change) => {
  await using front = scriptedHub(() => new Response('no page', { status, headers: headers as Record<string, string> }))
  const found = await reached(front.url)
  expect(found.saw).toMatch(saw)
  expect(found.change[0]).toMatch(change)
})

test('a port that closes on http may speak https', async () => {
  // As who waits for a handshake: before anything is sent it is the connection that would fail.
  const port = await listening((socket) => socket.once('data', () => socket.resetAndDestroy()))
  expect(await reached(`http://127.0.0.1:${port}`)).toEqual({
    saw: `What listens at http://127.0.0.1:${port} closed the connection without an answer (ECONNRESET): it may speak https.`,
    change: [`mcp-sse doctor https://127.0.0.1:${port}`],
  })
})

test('a port that answers a handshake with something else may speak http', async () => {
  await using front = scriptedHub(() => new Response('ok'))
  const { saw, change } = await reached(front.url.replace('http:', 'https:'), { check: 'tls' })
  expect(saw).toMatch(/^No TLS at 127\.0\.0\.1:\d+ \(ERR_SSL_\w+\): it may speak http\.$/)
  expect(change).toEqual([`mcp-sse doctor ${front.url}`])
})

test('a port that takes connections and says nothing is no answer, in seconds', async () => {
  const port = await listening(() => {})
  expect((await reached(`https://127.0.0.1:${port}`, { check: 'tls' })).saw).toBe('No answer in 10 s.')
}, 60_000)

test('a name that does not exist is said to, in http as in https', async () => {
  const expected = { saw: `No such name: ${NOBODY}.`, change: ['Check the name, and its DNS entry.'] }
  expect(await reached(`http://${NOBODY}`)).toEqual(expected)
  expect(await reached(`https://${NOBODY}`, { check: 'tls' })).toEqual(expected)
})

test('no request and no key goes by HTTP_PROXY, which the handshake does not take either', async () => {
  const found = secret()
  await using proxy = scriptedHub(() => new Response('{"status":"ok"}'))
  const before = process.env.HTTP_PROXY
  process.env.HTTP_PROXY = proxy.url
  try {
    const way = new Way(`http://${NOBODY}`, found, new AbortController().signal)
    expect(await settled(way.ask('/livez'))).toThrow(`GET /livez: No hub answers at http://${NOBODY}`)
    expect(proxy.requests).toEqual([])
  } finally {
    if (before === undefined) delete process.env.HTTP_PROXY
    else process.env.HTTP_PROXY = before
  }
})
