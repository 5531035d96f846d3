import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Access } from '../../../src/auth/access.ts'
import { newApiKey } from '../../../src/auth/api-keys.ts'
import { accessSettings } from '../../../src/cli/serve/access-settings.ts'
import { LiveSettings } from '../../../src/cli/serve/live-settings.ts'
import { Reload } from '../../../src/cli/serve/reload.ts'
import { configKeys } from '../../../src/config/keys.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { HubError } from '../../../src/core/errors.ts'
import { LOCAL } from '../../../src/core/principal.ts'
import { createLogLines } from '../../../src/daemon/log-lines.ts'
import { refusalOf, TICKET_SECRET } from '../../support/authority.ts'
import { registerSecret, secret } from '../../support/secrets.ts'
import { tempDir } from '../../support/temp-dir.ts'

const keyTable = (name: string, sha256: string, more = '') =>
  `[[auth.keys]]\nname = "${name}"\nsha256 = "${sha256}"\npublish = ["a"]\n${more}`
const table = (name: string, digit: string, more = '') => keyTable(name, digit.repeat(64), more)

const CLOSED = 'from now on nobody gets in without a key'

/** A reload over a file that the test changes. */
function reloadOf(dir: string, text: string, env: Record<string, string> = {}) {
  const path = join(dir, 'mcp-sse.toml')
  const write = (changed: string) => writeFileSync(path, changed, { mode: 0o600 })
  write(text)
  const load = (closed: boolean) =>
    loadConfig({ mode: 'source', cwd: dir, env: { HOME: dir, ...env }, descriptors: 1000, closed })
  const said: string[] = []
  const applied: string[][] = []
  const access = new Access(accessSettings(load(false).config, TICKET_SECRET), { now: Date.now, report: () => {} })
  const reload = new Reload({
    loaded: load(false),
    load,
    apply: async ({ config }, closed) => {
      access.replace(accessSettings(config, TICKET_SECRET, { closed }))
      applied.push(config.auth.keys.map((key) => key.name))
      return []
    },
    lines: createLogLines({ level: 'info', write: (line) => said.push(line) }),
  })
  return {
    said,
    applied,
    access,
    async to(changed: string) {
      write(changed)
      said.length = 0
      await reload.run()
      return said
    },
  }
}

describe('a reload', () => {
  test('says by name which keys came, went and changed, and never a hash', async () => {
    using dir = tempDir()
    const { to, applied } = reloadOf(dir.path, table('stays', '0') + table('goes', '1') + table('changes', '2'))
    const said = await to(table('stays', '0') + table('changes', '2', 'admin = true\n') + table('new', '3'))
    expect(said).toEqual(['reloaded: keys added new; keys removed goes; keys changed changes'])
    expect(applied).toEqual([['stays', 'changes', 'new']])
    expect(await to(table('stays', '0') + table('changes', '2', 'admin = true\n') + table('new', '3'))).toEqual([
      'reloaded: nothing has changed',
    ])
  })

  test('says which other keys count at once and which need a restart', async () => {
    using dir = tempDir()
    const { to } = reloadOf(dir.path, table('a', '0'))
    const changed = `port = 4000\ncors_origin = ["https://a.example"]\ndurability = "normal"\n[stream]\nretry = "1s"\n[auth]\nkey = "0123456789abcdef"\n`
    expect(await to(changed + table('a', '0'))).toEqual([
      'reloaded: cors_origin, stream.retry, auth.key; needs a restart: port, durability',
    ])
    // As long as it runs by what it was started with.
    expect(await to(changed.replace('durability = "normal"', '') + table('a', '0'))).toEqual([
      'reloaded: needs a restart: port',
    ])
    expect(await to(changed.replace(/port.*|durability.*/g, '') + table('a', '0'))).toEqual([
      'reloaded: nothing has changed',
    ])
  })

  test('says by name which forwards came, went and changed, and nothing of them', async () => {
    using dir = tempDir()
    const forward = (name: string, path = name) =>
      `[[forward]]\nname = "${name}"\ntopic = "a"\nurl = "https://chat.example/${path}?token=${'x'.repeat(20)}"\n`
    const { to } = reloadOf(dir.path, forward('stays') + forward('goes') + forward('changes'))
    expect(await to(forward('stays') + forward('changes', 'elsewhere') + forward('new'))).toEqual([
      'reloaded: forwards added new; forwards removed goes; forwards changed changes',
    ])
  })

  test.each([
    ['a file that is broken', 'port = ', 'mcp-sse.toml:1: this is not TOML'],
    ['a key that is refused', table('a', 'x'), 'auth.keys[0].sha256 is refused'],
    ['two problems', `port = "x"\n${table('a', 'x')}`, 'port = x is refused'],
  ])('%s changes nothing and is logged with every problem', async (_, text, says) => {
    using dir = tempDir()
    const { to, applied } = reloadOf(dir.path, table('a', '0'))
    const said = await to(text)
    expect(said[0]).toBe('the configuration was not reloaded and everything goes on as before:')
    expect(said.join('\n')).toContain(says)
    expect(applied).toEqual([])
    // What was there is still what the next one is compared with.
    expect(await to(table('a', '0'))).toEqual(['reloaded: nothing has changed'])
  })

  test.each([
    ['an emptied file', '', {}, 'lets in everyone on this machine'],
    ['open to all', '[auth]\nopen = true\n', {}, 'lets in everyone who can reach it (auth.open)'],
    ['a hub that other machines reach', '', { HOST: '0.0.0.0' }, 'is refused'],
    ['what only tokens need', '[auth.jwt]\nissuer = "i"\naudience = "a"\ncookie = "c"\n', {}, 'is refused'],
  ])('that takes away the last credential lets nobody in and opens nothing: %s', async (_, text, env, start) => {
    using dir = tempDir()
    const { key, sha256 } = newApiKey()
    const { to, access } = reloadOf(dir.path, keyTable('a', sha256), env)
    const holder = await access.authority.recognise({ kind: 'bearer', text: registerSecret(key) })
    const said = await to(text)
    expect(said[0]).toStartWith('reloaded: keys removed a')
    expect(said.at(-1)).toBe(
      `no credential is left, so nobody gets in: make one with \`mcp-sse key new ci --publish 'builds/**' --save\` and reload. A start without one ${start}.`,
    )
    expect(access.mode).toBe('credentials')
    expect(access.judge(holder)).toBe('credential-revoked')
    expect(access.judge(LOCAL)).toBe('credential-revoked')
    for (const presented of [{ kind: 'none' }, { kind: 'bearer', text: key }] as const) {
      expect(await refusalOf(() => access.authority.recognise(presented))).toMatch(/^credential-(missing|invalid) /)
    }
    // Not the one after that either.
    expect((await to(text)).at(-1)).toContain('nobody gets in')
    expect(access.mode).toBe('credentials')
    expect((await to(table('b', '1')))[0]).toStartWith('reloaded: keys added b')
    expect(access.authority.open).toBe(false)
  })

  test('that leaves what anonymous callers may do says that this still counts', async () => {
    using dir = tempDir()
    const anonymous = '[auth.anonymous]\nsubscribe = ["public/**"]\n'
    const { to, access } = reloadOf(dir.path, anonymous + table('a', '0'))
    expect((await to(anonymous)).at(-1)).toContain('nobody gets in, but for what auth.anonymous allows: make one')
    expect(await access.authority.recognise({ kind: 'none' })).toMatchObject({ id: 'anonymous' })
  })

  test('with credentials that are left is checked as a start is', async () => {
    using dir = tempDir()
    const { to, applied } = reloadOf(dir.path, table('a', '0'))
    expect((await to(`[auth.jwt]\nissuer = "i"\n${table('a', '0')}`)).join()).toContain(
      'auth.jwt.issuer is about tokens',
    )
    expect(applied).toEqual([])
  })

  test('closes an open hub, but does not open it to other machines', async () => {
    using dir = tempDir()
    const { to, applied } = reloadOf(dir.path, '')
    expect((await to('[auth]\nopen = true\n'))[1]).toContain('auth.open is taken over only by a start')
    expect(await to(table('a', '0'))).toEqual(['reloaded: keys added a', `${CLOSED}.`])
    expect(applied).toEqual([['a']])
    // It was closed before.
    expect(await to(table('b', '1'))).toEqual(['reloaded: keys added b; keys removed a'])
    expect((await to('')).at(-1)).toContain('nobody gets in')
  })

  test('that closes an open hub says so, and when it leaves nobody who may publish', async () => {
    using dir = tempDir()
    const reader = table('reader', '0').replace('publish', 'subscribe')
    const make = "make one with `mcp-sse key new me --publish '**' --subscribe '**' --save` and reload"
    const said = await reloadOf(dir.path, '').to(reader)
    expect(said).toEqual(['reloaded: keys added reader', `${CLOSED}, and no key may publish: ${make}.`])
    const limited = await reloadOf(dir.path, '').to(`[auth.anonymous]\npublish = ["in"]\n${reader}`)
    expect(limited.at(-1)).toBe(`${CLOSED}, but for what auth.anonymous allows.`)
    const tokens = await reloadOf(dir.path, '').to(`[auth.jwt]\nsecret = "${secret()}"\n${reader}`)
    expect(tokens.at(-1)).toBe(`${CLOSED} or a token.`)
  })

  test('that cannot be applied is said, and the one before still counts', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'mcp-sse.toml')
    writeFileSync(path, table('a', '0'))
    const load = () => loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path }, descriptors: 1000 })
    const said: string[] = []
    let fails = true
    const reload = new Reload({
      loaded: load(),
      load,
      apply: async () => {
        if (fails) throw new HubError('invalid-config', 'keys.json: this is no set of keys.')
        return ['the certificate in cert.pem']
      },
      lines: createLogLines({ level: 'info', write: (line) => said.push(line) }),
    })
    writeFileSync(path, table('b', '0'))
    await reload.run()
    expect(said.at(-1)).toBe('  keys.json: this is no set of keys.')
    fails = false
    await reload.run()
    expect(said.at(-1)).toBe('reloaded: keys added b; keys removed a; the certificate in cert.pem')
  })
})

describe('of the keys, those that are said to be taken over by a reload are what a running hub goes by after one:', () => {
  const SAMPLES: Record<string, string> = {
    'auth.key': secret(),
    'auth.keys': `[{ name = "other", sha256 = "${'5'.repeat(64)}" }]`,
    'auth.jwt.secret': secret(),
    cors_origin: 'https://a.example',
    public_url: 'https://events.example',
    allowed_hosts: 'events.lan',
    'limits.trusted_proxies': '10.0.0.0/8',
    'auth.make_key': 'true',
    'auth.open': 'true',
    'auth.anonymous.publish': 'feedback',
    'auth.anonymous.subscribe': 'public/**',
    'auth.jwt.jwks': 'https://login.example/keys',
    'auth.jwt.issuer': 'another',
    'auth.jwt.audience': 'another',
    'auth.jwt.claim': 'hub',
    'auth.jwt.cookie': 'session',
    host: '127.0.0.2',
    data_dir: 'elsewhere',
    log_level: 'warn',
    log_format: 'json',
    durability: 'memory',
    event_types:
      '[{ name = "a.b", description = "A.", topic = "a", type = "b", payload_schema = { type = "object" } }]',
    forward: '[{ name = "chat", topic = "alerts/**", url = "https://chat.example/hooks/1" }]',
    'tls.cert': '/elsewhere/cert.pem',
    'tls.key': '/elsewhere/key.pem',
    'retention.topics': '[{ pattern = "a", max_events = 5 }]',
    'mcp.events.profile': 'sep',
    'webhooks.allow_loopback': 'true',
    'webhooks.events_only': 'other.example',
  }
  const OF_KIND: Record<string, string> = { '<number>': '77', '<duration>': '7s', '<size>': '9MiB' }
  const TOKENS = {
    MCP_SSE_AUTH_JWT_SECRET: secret(),
    MCP_SSE_AUTH_JWT_ISSUER: 'issuer',
    MCP_SSE_AUTH_JWT_AUDIENCE: 'audience',
  }
  const TLS = { MCP_SSE_TLS_CERT: '/cert.pem', MCP_SSE_TLS_KEY: '/key.pem' }
  const read = (env: Readonly<Record<string, string>>) =>
    loadConfig({ mode: 'source', cwd: '/', env: { HOME: '/nonexistent', ...env }, descriptors: 1000 })

  /** A key is made, and everyone let in, where nothing else is a credential. */
  const ALONE = new Set(['auth.make_key', 'auth.open'])

  test.each(configKeys().map((key) => [key.name, key] as const))('%s', (name, { env, meta }) => {
    const value = SAMPLES[name] ?? OF_KIND[meta.placeholder]!
    const base = { ...(ALONE.has(name) ? {} : TOKENS), ...(name.startsWith('tls.') ? TLS : {}) }
    const live = new LiveSettings(read(base))
    const before = structuredClone(live.config)
    const next = read({ ...base, [env]: value })
    expect(next.config).not.toEqual(before)
    live.replace(next)
    expect([live.config, live.read.entries]).toEqual([meta.reloads ? next.config : before, next.entries])
  })
})

test('what the parts of a hub hold is what a reload writes to', () => {
  const read = (env: Record<string, string>) =>
    loadConfig({ mode: 'source', cwd: '/', env: { HOME: '/nonexistent', ...env }, descriptors: 1000 })
  const live = new LiveSettings(read({}))
  const { hub, pending, mcp, mcpErrors, webhooks, callbacks, eventsOnly } = live
  live.replace(
    read({
      MCP_SSE_LIMITS_CONNECTIONS: '7',
      MCP_SSE_LIMITS_PENDING_BYTES: '9MiB',
      MCP_SSE_LIMITS_MCP_SESSIONS: '8',
      MCP_SSE_LIMITS_WEBHOOKS: '9',
      MCP_SSE_STREAM_MAX_STALL: '7s',
      MCP_SSE_MCP_SESSION_IDLE: '7m',
      MCP_SSE_MCP_EVENTS_PROFILE: 'sep',
      MCP_SSE_WEBHOOKS_ALLOW_LOOPBACK: 'true',
      MCP_SSE_WEBHOOKS_EVENTS_ONLY: 'a.example',
    }),
  )
  const nineMiB = 9 * 1024 * 1024
  expect(hub).toMatchObject({ connections: 7, maxStallMs: 7000, pendingBytes: nineMiB, heartbeatMs: 15_000 })
  expect(pending).toEqual({ events: 10_000, bytes: nineMiB })
  expect(mcp).toMatchObject({ maxStallMs: 7000, sessions: 8, sessionIdleMs: 420_000 })
  expect(mcpErrors).toEqual({ profile: 'sep' })
  expect(webhooks).toEqual({ webhooks: 9, webhooksPerPrincipal: 100 })
  expect(callbacks).toEqual({ loopback: true, private: false })
  expect([...eventsOnly]).toEqual(['a.example'])
})
