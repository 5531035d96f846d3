import { afterEach, describe, expect, test } from 'bun:test'
import { bearer, type TestKey } from '../support/access.ts'
import { configuredKey, regranted } from '../support/configured-key.ts'
import { CountingPublisher } from '../support/counting-publisher.ts'
import { Executable } from '../support/executable.ts'
import { expectEnded } from '../support/expect-ended.ts'
import type { Follower } from '../support/follower.ts'
import { Followers } from '../support/followers.ts'
import { expectProblem } from '../support/problem.ts'
import { reload, writeSettings } from '../support/reload.ts'
import { expectSecret, registerSecret, secret } from '../support/secrets.ts'
import { signedToken } from '../support/signed-token.ts'
import { until } from '../support/until.ts'

let server: Executable
let publisher: CountingPublisher | undefined
const followers = new Followers()
afterEach(async () => {
  followers.stop()
  try {
    await publisher?.stop()
  } finally {
    publisher = undefined
    await server?.remove()
  }
})

function reloadWith(...parts: (string | TestKey)[]): Promise<string> {
  writeSettings(server, ...parts)
  return reload(server)
}

/** A hub that had no credentials and was told of these keys while it ran. */
async function serveWith(...keys: TestKey[]): Promise<void> {
  server = await Executable.serve({ MCP_SSE_STREAM_RETRY: '100ms' })
  expect(await reloadWith(...keys)).toContain(`keys added ${keys.map(({ settings }) => settings.name).join(', ')}`)
}

const follow = (path: string, headers: Record<string, string>) => followers.open(server.url + path, headers)
const ask = (path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers })

function publish(topic: string, body: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${server.url}/events/${topic}`, { method: 'POST', headers, body })
}

async function ticketOf(headers: Record<string, string>, topics: string[]): Promise<string> {
  const request = { method: 'POST', headers, body: JSON.stringify({ topics }) }
  const answer = expectSecret(await fetch(`${server.url}/tickets`, request))
  expect(answer.status).toBe(201)
  return registerSecret(((await answer.json()) as { ticket: string }).ticket, 'a ticket')
}

/** The reload that took away the last key. */
async function expectClosed(said: string, name: string): Promise<void> {
  expect(said).toContain(`reloaded: keys removed ${name}\n`)
  await until('the operator to be told', () => server.output.includes('no credential is left, so nobody gets in'))
  await expectProblem(await ask('/whoami'), 401, 'credential-missing')
  await expectProblem(await publish('a', 'x', {}), 401, 'credential-missing')
}

const data = (follower: Follower) => follower.events.map((event) => event.data)

test('a key that was added is good at once, and the streams there are go on', async () => {
  const [first, second] = [configuredKey('first', { subscribe: ['**'] }), configuredKey('second', { publish: ['a'] })]
  await serveWith(first)
  const reader = await follow('/events/a', bearer(first.text))
  await expectProblem(await publish('a', 'too early', bearer(second.text)), 401, 'credential-invalid')
  expect(await reloadWith(first, second)).toContain('reloaded: keys added second\n')
  expect((await publish('a', 'hello', bearer(second.text))).status).toBe(201)
  await until('the event', () => reader.events.length === 1)
  expect([data(reader), reader.ended]).toEqual([['hello'], 'no'])
})

test('a key that was removed: its streams are told and ended within 2 s, its next request is a 401, others do not notice', async () => {
  const [stays, goes] = [
    configuredKey('stays', { publish: ['**'], subscribe: ['**'] }),
    configuredKey('goes', { subscribe: ['**'] }),
  ]
  await serveWith(stays, goes)
  const reader = await follow('/events/a', bearer(stays.text))
  const ending = await Promise.all(
    ['/events', '/events/a', '/events?since=earliest'].map((path) => follow(path, bearer(goes.text))),
  )
  const began = performance.now()
  expect(await reloadWith(stays)).toContain('reloaded: keys removed goes\n')
  for (const follower of ending) await expectEnded(follower, 'credential-revoked', began)
  const refused = await ask('/events/a', bearer(goes.text))
  expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="mcp-sse", error="invalid_token"')
  await expectProblem(refused, 401, 'credential-invalid')
  expect((await publish('a', 'hello', bearer(stays.text))).status).toBe(201)
  await until('the event', () => reader.events.length === 1)
  expect([reader.ended, ending.flatMap(data)]).toEqual(['no', []])
  await until('the refusal to be logged', () =>
    server.output.includes('refused credential-invalid (key): GET /events/*'),
  )
})

test('grants that were narrowed: the stream is told to reconnect, goes on where it was and sees less', async () => {
  const writer = configuredKey('writer', { publish: ['**'] })
  const wide = configuredKey('reader', { subscribe: ['a/*', 'b/*'] })
  const narrow = regranted(wide, { subscribe: ['b/*'] })
  await serveWith(writer, wide)
  const publishBoth = async (text: string) => {
    for (const topic of ['a/1', 'b/1']) await publish(topic, `${text} of ${topic}`, bearer(writer.text))
  }
  const before = await follow('/events', bearer(wide.text))
  expect(before.control('$open')[0]).toMatchObject({ topics: ['a/*', 'b/*'], principal: 'key:reader' })
  await publishBoth('first')
  await until('both', () => before.events.length === 2)
  const began = performance.now()
  expect(await reloadWith(writer, narrow)).toContain('reloaded: keys changed reader\n')
  await publishBoth('second')
  await expectEnded(before, 'grants-changed', began)
  const after = await follow('/events', { ...bearer(wide.text), 'last-event-id': before.messages.at(-2)!.id! })
  expect(after.control('$open')[0]).toMatchObject({ topics: ['b/*'], principal: 'key:reader' })
  await publishBoth('third')
  await until('what it may read', () => after.events.length >= 2)
  expect(data(after)).toEqual(['second of b/1', 'third of b/1'])
  await expectProblem(await ask('/events/a/1', bearer(wide.text)), 403, 'forbidden', '/topic')
  // And back.
  expect(await reloadWith(writer, wide)).toContain('keys changed reader')
  await until('the end', () => after.control('$closing')[0]?.reason === 'grants-changed')
  const again = await follow('/events?since=earliest', bearer(wide.text))
  await until('all', () => again.events.length === 6)
})

describe('a file that would not start changes nothing and is logged', () => {
  test.each([
    ['is no TOML', (key: string) => `[stream]\n\n[auth]\nkey = ${key}\n`, /mcp-sse\.toml:4: this is not TOML\./],
    [
      'has a bad value',
      (key: string) => `[retention]\nmax_events = 0\n[auth]\nkey = "${key}"\n`,
      /mcp-sse\.toml:2: retention\.max_events = 0 is refused/,
    ],
    [
      'has an unknown key',
      (key: string) => `[auth]\nkey = "${key}"\nkyes = []\n`,
      /mcp-sse\.toml:3: there is no key "auth\.kyes"\. Did you mean "?auth\.keys"?\?/,
    ],
    [
      'has a secret that is too short',
      () => '[auth]\nkey = "short-and-secret"\n[auth.jwt]\nsecret = "also short"\n',
      /mcp-sse\.toml:4: auth\.jwt\.secret/,
    ],
  ])('one that %s, with file, key and line', async (_, text, says) => {
    const key = configuredKey('admin', { publish: ['**'], subscribe: ['**'], admin: true })
    await serveWith(key)
    const reader = await follow('/events/a', bearer(key.text))
    const said = await reloadWith(text(secret('a key in a broken file')))
    expect(said).toContain('the configuration was not reloaded and everything goes on as before:')
    // One line a problem, of which `said` need not have the last one yet.
    await until(`it to say ${says}`, () => says.test(server.output))
    expect(server.output).not.toMatch(/short-and-secret|also short/)
    expect((await publish('a', 'still here', bearer(key.text))).status).toBe(201)
    await until('the event', () => reader.events.length === 1)
    expect(reader.ended).toBe('no')
    expect((await ask('/whoami')).status).toBe(401)
    expect(await reloadWith(key)).toContain('reloaded: nothing has changed')
    expect(reader.ended).toBe('no')
  })
})

test('a ticket goes with the key that asked for it: streams end, requests are a 401; of a narrowed key it reads less', async () => {
  const [gone, kept] = [
    configuredKey('gone', { subscribe: ['**'] }),
    configuredKey('kept', { publish: ['**'], subscribe: ['a', 'b'] }),
  ]
  const narrowed = regranted(kept, { publish: ['**'], subscribe: ['b'] })
  await serveWith(gone, kept)
  const [ofGone, ofKept] = [await ticketOf(bearer(gone.text), ['a']), await ticketOf(bearer(kept.text), ['a', 'b'])]
  const ending = await follow(`/events/a?ticket=${ofGone}`, {})
  const reconnecting = await follow(`/events?ticket=${ofKept}`, {})
  const began = performance.now()
  await reloadWith(narrowed)
  await expectEnded(ending, 'credential-revoked', began)
  await expectEnded(reconnecting, 'grants-changed', began)
  await expectProblem(await ask(`/events/a?ticket=${ofGone}`), 401, 'credential-invalid')
  const after = await follow(`/events?ticket=${ofKept}`, {})
  expect(after.control('$open')[0]).toMatchObject({ topics: ['b'] })
  await expectProblem(await ask(`/events/a?ticket=${ofKept}`), 403, 'forbidden', '/topic')
  // Another key of the same name is not the one it was made with.
  const impostor = configuredKey('gone', { subscribe: ['**'] })
  await reloadWith(narrowed, impostor)
  await expectProblem(await ask(`/events/a?ticket=${ofGone}`), 401, 'credential-invalid')
})

test('an open hub that is given a key closes at once: streams of local end, and nobody comes in without it', async () => {
  server = await Executable.serve()
  const local = await Promise.all(['/events', '/events/a?since=earliest'].map((path) => follow(path, {})))
  expect(local[0]!.control('$open')[0]).toMatchObject({ principal: 'local' })
  const key = configuredKey('first', { publish: ['a'] })
  const began = performance.now()
  expect(await reloadWith(key)).toContain('reloaded: keys added first\n')
  for (const follower of local) await expectEnded(follower, 'credential-revoked', began)
  for (const path of ['/events', '/events?format=json', '/topics', '/whoami']) {
    await expectProblem(await ask(path), 401, 'credential-missing')
  }
  await expectProblem(await publish('a', 'x', {}), 401, 'credential-missing')
  expect((await ask('/livez')).status).toBe(200)
  expect((await publish('a', 'x', bearer(key.text))).status).toBe(201)
})

test('a file that was emptied takes the last key away and lets nobody in instead', async () => {
  const key = configuredKey('only', { publish: ['**'], subscribe: ['**'], admin: true })
  await serveWith(key)
  const reader = await follow('/events/a', bearer(key.text))
  const began = performance.now()
  await expectClosed(await reloadWith(''), 'only')
  await expectEnded(reader, 'credential-revoked', began)
  await expectProblem(await ask('/whoami', bearer(key.text)), 401, 'credential-invalid')
  expect((await ask('/livez')).status).toBe(200)
  expect(await reloadWith(key)).toContain('reloaded: keys added only\n')
  expect((await publish('a', 'back', bearer(key.text))).status).toBe(201)
})

test('a secret of tokens is rotated: both count in between, and tokens of the old one end with it', async () => {
  const [old, next] = [secret('the old secret of tokens'), secret('the next secret of tokens')]
  const tokenOf = (signing: string) => signedToken(signing, { grants: { subscribe: ['**'] } })
  const secrets = (...list: string[]) => `[auth.jwt]\nsecret = ${JSON.stringify(list)}\n`
  server = await Executable.serve()
  await reloadWith(secrets(old))
  const [oldToken, nextToken] = [await tokenOf(old), await tokenOf(next)]
  const oldStream = await follow('/events/a', bearer(oldToken))
  expect((await ask('/whoami', bearer(nextToken))).status).toBe(401)
  expect(await reloadWith(secrets(next, old))).toContain('reloaded: auth.jwt.secret\n')
  const nextStream = await follow('/events/a', bearer(nextToken))
  expect(((await (await ask('/whoami', bearer(oldToken))).json()) as { principal: string }).principal).toBe('sub:alice')
  const began = performance.now()
  await reloadWith(secrets(next))
  await expectEnded(oldStream, 'credential-revoked', began)
  await expectProblem(await ask('/whoami', bearer(oldToken)), 401, 'credential-invalid')
  expect(nextStream.ended).toBe('no')
})

test('ten signals at once, while numbers are published and keys change, harm nothing: the last file counts', async () => {
  const steady = configuredKey('steady', { publish: ['count'], subscribe: ['**'] })
  const others = Array.from({ length: 10 }, (_, index) => configuredKey(`other-${index}`, { subscribe: ['**'] }))
  await serveWith(steady)
  const reader = await follow('/events/count', bearer(steady.text))
  publisher = new CountingPublisher(`${server.url}/events/count`, bearer(steady.text))
  for (let round = 0; round < 3; round++) {
    for (const other of others) {
      writeSettings(server, steady, other)
      process.kill(server.pid, 'SIGHUP')
    }
  }
  const last = others.at(-1)!
  const statuses = async () => {
    const answers = await Promise.all(others.map(({ text }) => ask('/whoami', bearer(text))))
    return answers.map(({ status }) => status)
  }
  const theLastAlone = others.map((other) => (other === last ? 200 : 401))
  // The first two rounds had the same keys: one of those may be read late, and counts until the next reload.
  await until('the last one alone to be good', async () => Bun.deepEquals(await statuses(), theLastAlone))
  const count = await publisher.stop()
  await until('all numbers', () => reader.events.length >= count)
  expect(data(reader)).toEqual(Array.from({ length: count }, (_, index) => `${index + 1}`))
  expect(reader.ended).toBe('no')
  expect(await statuses()).toEqual(theLastAlone)
  expect(server.output).not.toContain('not reloaded')
  expect(await server.kill('SIGTERM')).toBe(0)
})
