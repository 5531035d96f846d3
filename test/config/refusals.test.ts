import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import { HubError } from '../../src/core/errors.ts'
import { tempDir } from '../support/temp-dir.ts'

function refusedWith(sources: { env?: Record<string, string>; flags?: Record<string, string>; file?: string }): string {
  using dir = tempDir()
  const { env = {}, flags = {}, file } = sources
  if (file !== undefined) writeFileSync(join(dir.path, 'mcp-sse.toml'), file)
  try {
    loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path, ...env }, flags, descriptors: 1000 })
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    expect(error.code).toBe('invalid-config')
    return error.message
  }
  return 'accepted'
}

const DURATION = 'written like 500ms, 15s, 10m or 7d.'
const SIZE = 'written like 64KiB, 1MiB, 1GB or plain bytes.'

test.each([
  [{ PORT: '65536' }, 'PORT: port = 65536 is refused; allowed is a whole number from 0 to 65535.'],
  [{ PORT: '3e3' }, 'PORT: port = 3e3 is refused; allowed is a whole number from 0 to 65535.'],
  [
    { PORT: 'tcp://10.0.0.1:3000' },
    'PORT: port = tcp://10.0.0.1:3000 is refused; allowed is a whole number from 0 to 65535. Kubernetes sets such variables for services; set enableServiceLinks: false in the pod.',
  ],
  [
    { HOST: '127.0.0.1:3000' },
    'HOST: host = 127.0.0.1:3000 is refused; allowed is a list of addresses or host names such as 127.0.0.1, ::1 or 0.0.0.0. The port has a key of its own: PORT.',
  ],
  [
    { CORS_ORIGIN: 'https://App.example/' },
    'CORS_ORIGIN: cors_origin = https://App.example/ is refused; allowed is a list of origins such as https://app.example, or * alone. Did you mean https://app.example?',
  ],
  [
    { CORS_ORIGIN: '*,https://a.example' },
    'CORS_ORIGIN: cors_origin = *,https://a.example is refused; allowed is a list of origins such as https://app.example, or * alone.',
  ],
  [
    { MCP_SSE_ALLOWED_HOSTS: 'bücher.example' },
    'MCP_SSE_ALLOWED_HOSTS: allowed_hosts = bücher.example is refused; allowed is a list of host names such as events.example or events.example:8080, without http://. Did you mean xn--bcher-kva.example?',
  ],
  [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL: log_level = loud is refused; allowed is one of debug, info, warn, error.'],
  [
    { MCP_SSE_DURABILITY: 'yes' },
    'MCP_SSE_DURABILITY: durability = yes is refused; allowed is one of full, normal, memory.',
  ],
  [
    { MCP_SSE_STREAM_HEARTBEAT: '15' },
    `MCP_SSE_STREAM_HEARTBEAT: stream.heartbeat = 15 is refused; allowed is a duration from 100ms to 24d, ${DURATION}`,
  ],
  [
    { MCP_SSE_STREAM_MAX_QUEUE: '1 meg' },
    `MCP_SSE_STREAM_MAX_QUEUE: stream.max_queue = 1 meg is refused; allowed is a size from 64KiB to 1GiB, ${SIZE}`,
  ],
  [
    { MCP_SSE_RETENTION_TOPICS: 'nonsense' },
    'MCP_SSE_RETENTION_TOPICS: retention.topics = nonsense is refused; allowed is a list of at most 64 tables {pattern, max_age, max_events, max_bytes}.',
  ],
  [{ DATA_DIR: 'a\0b' }, 'DATA_DIR: data_dir = a\0b is refused; allowed is a path.'],
] as const)('the variable %j is refused with what is allowed', (env, words) => {
  expect(refusedWith({ env })).toBe(words)
})

test('a flag is refused under its own name', () => {
  expect(refusedWith({ flags: { 'stream.retry': 'soon' } })).toBe(
    `--stream-retry: stream.retry = soon is refused; allowed is a duration from 10ms to 24d, ${DURATION}`,
  )
})

test.each([
  [
    'a number without a unit',
    '[stream]\n\nheartbeat = 15',
    `mcp-sse.toml:3: stream.heartbeat = 15 is refused; allowed is a duration from 100ms to 24d, ${DURATION}`,
  ],
  ['an unknown key', 'prot = 1', 'mcp-sse.toml:1: there is no key "prot". Did you mean "port"?'],
  [
    'an unknown key in a table',
    '[stream]\nmax-age = "1m"',
    'mcp-sse.toml:2: there is no key "stream.max-age". Did you mean "stream.max_age"?',
  ],
  ['an unknown table', '[x]\ny = 1', 'mcp-sse.toml:1: there is no key "x".'],
  ['a table as a value', 'stream = 5', 'mcp-sse.toml:1: stream is a table; write it as [stream] with its keys below.'],
  [
    'a value as a table',
    '[port]\na = 1',
    'mcp-sse.toml:1: port = {"a":1} is refused; allowed is a whole number from 0 to 65535.',
  ],
  [
    'an unknown key of a topic',
    '[[retention.topics]]\npattern = "a"\nmax_evnts = 1',
    'mcp-sse.toml:1: retention.topics[0] has no key "max_evnts". Did you mean "max_events"?',
  ],
  [
    'a topic without pattern',
    '[[retention.topics]]\nmax_events = 1',
    'mcp-sse.toml:1: retention.topics[0].pattern = nothing is refused; allowed is a topic pattern such as sensors/**.',
  ],
  [
    'a wrong pattern',
    '[[retention.topics]]\npattern = "a*"',
    'mcp-sse.toml:1: retention.topics[0].pattern = a* is refused; allowed is a topic pattern such as sensors/**. In the pattern "a*" a * must be a whole segment (orders/*), and ** must be the last one (orders/**).',
  ],
] as const)('%s in the file is refused with its line', (_, file, words) => {
  expect(refusedWith({ file })).toBe(words)
})

test('a file that is not TOML is refused with the line where it breaks', () => {
  expect(refusedWith({ file: 'port = 1\n[stream]\nretry = "1s\nmax_age = "1m"\n' })).toStartWith(
    'mcp-sse.toml:3: this is not TOML. Unterminated string',
  )
})

test.each([
  [
    { MCP_SSE_STREAM_HEARTBEAT: '4m' },
    'MCP_SSE_STREAM_HEARTBEAT: stream.heartbeat = 4m must be below 4m: a connection that is quiet for longer is closed. Try 15s.',
  ],
  [
    { MCP_SSE_STREAM_MAX_AGE: '1s' },
    'default: stream.retry = 2s must not be above stream.max_age (1s from MCP_SSE_STREAM_MAX_AGE): readers would wait longer than they read. Try 2s.',
  ],
  [
    { MCP_SSE_LIMITS_CONNECTIONS: '1000' },
    'MCP_SSE_LIMITS_CONNECTIONS: limits.connections = 1000 must be below the descriptor limit of this process (1000). Raise it (ulimit -n, LimitNOFILE=) or ask for fewer.',
  ],
  [
    { MCP_SSE_RETENTION_TOPICS: '[{"pattern":"a"},{"pattern":"a"}]' },
    'MCP_SSE_RETENTION_TOPICS: retention.topics has the pattern "a" twice; the second would never count. Remove one.',
  ],
] as const)('the impossible combination made by %j is refused with both values', (env, words) => {
  expect(refusedWith({ env })).toBe(words)
})

test('all problems are told at once, one a line', () => {
  expect(refusedWith({ env: { PORT: 'x', LOG_LEVEL: 'y' }, file: 'prot = 1' }).split('\n')).toHaveLength(3)
})

test('a file or env file that is named and not there is refused', () => {
  using dir = tempDir()
  const load = (more: { configFile?: string; envFile?: string }) => () =>
    loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path }, ...more })
  expect(load({ configFile: 'no.toml' })).toThrow('no.toml: there is no such file.')
  expect(load({ envFile: 'no.env' })).toThrow('no.env: there is no such file.')
})

test('what Kubernetes sets beside a service called mcp-sse is only warned about', () => {
  using dir = tempDir()
  const env = {
    HOME: dir.path,
    MCP_SSE_PORT: 'tcp://10.0.0.1:3000',
    MCP_SSE_SERVICE_HOST: '10.0.0.1',
    MCP_SSE_STREAM_HEARTBEET: '1s',
    MCP_SSE_URL: 'http://127.0.0.1:1',
    MCP_SSE_KEY: 'k',
  }
  const { config, warnings } = loadConfig({ mode: 'source', cwd: dir.path, env })
  expect(config.port).toBe(3000)
  expect(warnings).toEqual([
    'MCP_SSE_PORT is not a setting and is ignored. Did you mean PORT?',
    'MCP_SSE_SERVICE_HOST is not a setting and is ignored.',
    'MCP_SSE_STREAM_HEARTBEET is not a setting and is ignored. Did you mean MCP_SSE_STREAM_HEARTBEAT?',
  ])
})
