import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ConfigSources, loadConfig } from '../../src/config/load.ts'
import { tempDir } from '../support/temp-dir.ts'

function load(cwd: string, more: Partial<ConfigSources> = {}) {
  // An empty home: no file of the machine the tests run on takes part.
  return loadConfig({
    mode: 'source',
    cwd,
    descriptors: 1000,
    platform: 'linux',
    ...more,
    env: { HOME: cwd, ...more.env },
  })
}

function originOf(loaded: ReturnType<typeof load>, name: string) {
  return loaded.entries.find(({ key }) => key.name === name)?.origin
}

test('without any source every key has its documented default', () => {
  using dir = tempDir()
  expect(load(dir.path).config).toEqual({
    port: 3000,
    hosts: ['127.0.0.1', '::1'],
    tls: undefined,
    corsOrigins: undefined,
    dataDir: join(dir.path, 'data'),
    logLevel: 'info',
    logFormat: 'auto',
    durability: 'full',
    retention: { maxAgeMs: 604_800_000, maxEvents: 1_000_000, maxBytes: 1_073_741_824, topics: [] },
    stream: {
      heartbeatMs: 15_000,
      maxAgeMs: 1_800_000,
      maxQueueBytes: 1_048_576,
      maxStallMs: 30_000,
      retryMs: 2000,
    },
    publicUrl: undefined,
    allowedHosts: [],
    eventTypes: [],
    forwards: [],
    auth: {
      open: false,
      key: undefined,
      makeKey: false,
      keys: [],
      anonymous: { publish: [], subscribe: [] },
      jwt: {
        secrets: [],
        jwks: undefined,
        issuer: undefined,
        audience: undefined,
        claim: 'events',
        cookie: undefined,
      },
    },
    limits: {
      connections: 800,
      connectionsPerPrincipal: 100,
      mcpSessions: 4096,
      mcpSessionsPerPrincipal: 256,
      connectionsPerAddress: 1000,
      publishRate: 1000,
      trustedProxies: ['127.0.0.0/8', '::1'],
      pendingBytes: 33_554_432,
      webhooks: 10_000,
      webhooksPerPrincipal: 100,
    },
    mcp: { sessionIdleMs: 3_600_000, events: { profile: 'auto' } },
    webhooks: { allowLoopback: false, eventsOnly: ['connectors.api.openai.com'] },
    drain: { delayMs: 0, timeoutMs: 10_000 },
  })
})

test('a file goes before the default, an env file before the file, the environment before that, a flag before all', () => {
  using dir = tempDir()
  const cwd = dir.path
  const seen: (readonly [number, string | undefined])[] = []
  const look = (more?: Partial<ConfigSources>) => {
    const loaded = load(cwd, more)
    seen.push([loaded.config.port, originOf(loaded, 'port')])
  }
  look()
  writeFileSync(join(cwd, 'mcp-sse.toml'), '# mine\nport = 1111\n')
  look()
  writeFileSync(join(cwd, 'variables'), 'PORT=2222\n')
  look({ envFile: 'variables' })
  look({ envFile: 'variables', env: { PORT: '4444' } })
  look({ envFile: 'variables', env: { PORT: '4444' }, flags: { port: '5555' } })
  expect(seen).toEqual([
    [3000, 'default'],
    [1111, 'mcp-sse.toml:2'],
    [2222, 'variables:1 PORT'],
    [4444, 'PORT'],
    [5555, '--port'],
  ])
})

test('the file of the working directory goes before the user’s, and --config before both', () => {
  using dir = tempDir()
  const user = join(dir.path, 'configuration', 'mcp-sse')
  const work = join(dir.path, 'work')
  mkdirSync(user, { recursive: true })
  mkdirSync(work)
  const env = { XDG_CONFIG_HOME: join(dir.path, 'configuration') }
  writeFileSync(join(user, 'mcp-sse.toml'), 'port = 1001')
  const user1 = load(work, { env })
  expect(user1.config.port).toBe(1001)
  expect(user1.file).toBe(join(user, 'mcp-sse.toml'))
  writeFileSync(join(work, 'mcp-sse.toml'), 'port = 1002')
  expect(load(work, { env }).config.port).toBe(1002)
  writeFileSync(join(dir.path, 'other.toml'), '[stream]\nretry = "1s"')
  const named = load(work, { env, configFile: '../other.toml' })
  expect(named.config).toMatchObject({ port: 3000, stream: { retryMs: 1000 } })
})

test('files are not merged with each other, and a .env is not read', () => {
  using dir = tempDir()
  writeFileSync(join(dir.path, '.env'), 'PORT=9999\n')
  expect(load(dir.path).config.port).toBe(3000)
})

test('every key can be set by file, variable and flag, in the notation of each', () => {
  using dir = tempDir()
  const wanted = {
    hosts: ['::1', '127.0.0.2'],
    corsOrigins: ['https://a.example', 'http://b.example:81'],
    retention: { maxAgeMs: 3_600_000, topics: [{ pattern: 'a/**', maxAgeMs: 60_000, maxEvents: 5 }] },
    stream: { heartbeatMs: 1500, maxQueueBytes: 65_536 },
    limits: { connections: 12 },
  }
  writeFileSync(
    join(dir.path, 'all.toml'),
    `host = ["::1", "127.0.0.2"]
cors_origin = ["https://a.example", "http://b.example:81"]
[retention]
max_age = "1h"
[[retention.topics]]
pattern = "a/**"
max_age = "1m"
max_events = 5
[stream]
heartbeat = "1.5s"
max_queue = 65536
[limits]
connections = 12
`,
  )
  const text = {
    host: '[::1], 127.0.0.2',
    cors_origin: 'https://a.example,http://b.example:81',
    'retention.max_age': '1h',
    'retention.topics': '[{pattern = "a/**", max_age = "1m", max_events = 5}]',
    'stream.heartbeat': '1.5s',
    'stream.max_queue': '64KiB',
    'limits.connections': '12',
  }
  const env = {
    HOST: text.host,
    CORS_ORIGIN: text.cors_origin,
    MCP_SSE_RETENTION_MAX_AGE: '1h',
    MCP_SSE_RETENTION_TOPICS: '[{"pattern":"a/**","max_age":"1m","max_events":5}]',
    MCP_SSE_STREAM_HEARTBEAT: '1.5s',
    MCP_SSE_STREAM_MAX_QUEUE: '65536',
    MCP_SSE_LIMITS_CONNECTIONS: '12',
  }
  expect(load(dir.path, { configFile: 'all.toml' }).config).toMatchObject(wanted)
  expect(load(dir.path, { env }).config).toMatchObject(wanted)
  expect(load(dir.path, { flags: text }).config).toMatchObject(wanted)
})

test('a variable that is empty counts as not set', () => {
  using dir = tempDir()
  expect(load(dir.path, { env: { PORT: '', CORS_ORIGIN: '' } }).config).toMatchObject({
    port: 3000,
    corsOrigins: undefined,
  })
})

test('an env file may have comments, quotes and export; only NAME=value is accepted', () => {
  using dir = tempDir()
  writeFileSync(join(dir.path, 'vars'), '# comment\n\nexport PORT = "1234"\nDATA_DIR=\'/tmp/a b\'\n')
  expect(load(dir.path, { envFile: 'vars' }).config).toMatchObject({ port: 1234, dataDir: '/tmp/a b' })
  writeFileSync(join(dir.path, 'vars'), 'PORT=1\nnonsense\n')
  expect(() => load(dir.path, { envFile: 'vars' })).toThrow('vars:2: this line is not NAME=value, a comment or empty.')
})

test('connections default to 0.8 of the descriptor limit, at most 10000, also when the limit is unknown', () => {
  using dir = tempDir()
  const connections = (descriptors: number | undefined) => load(dir.path, { descriptors }).config.limits.connections
  expect([connections(1000), connections(1_000_000), connections(undefined)]).toEqual([800, 10_000, 10_000])
})
