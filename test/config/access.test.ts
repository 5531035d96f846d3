import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import { HubError } from '../../src/core/errors.ts'
import { tempDir } from '../support/temp-dir.ts'

interface Sources {
  env?: Record<string, string>
  flags?: Record<string, string>
  file?: string
}

function load({ env = {}, flags = {}, file }: Sources) {
  using dir = tempDir()
  if (file !== undefined) writeFileSync(join(dir.path, 'mcp-sse.toml'), file, { mode: 0o600 })
  return loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path, ...env }, flags, descriptors: 1000 })
}

/** The sentences of a refused start, none for one that is let through. */
function problems(sources: Sources): string[] {
  try {
    load(sources)
    return []
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    expect(error.code).toBe('invalid-config')
    return error.message.split('\n')
  }
}

const KEY = { MCP_SSE_AUTH_KEY: 'k'.repeat(16) }
const SECRET = { MCP_SSE_AUTH_JWT_SECRET: 's'.repeat(32) }
const SHA = (text: string) => createHash('sha256').update(text).digest('hex')
const keyTable = (more: Record<string, unknown> = {}) =>
  JSON.stringify([{ name: 'ci', sha256: SHA('ci'), publish: ['a/**'], ...more }])

describe('a start that would expose a hub by accident, or lock it without anyone having meant it, is refused', () => {
  test.each([
    [
      'another machine could reach an open hub',
      { env: { HOST: '0.0.0.0' } },
      'HOST: host = 0.0.0.0 is no loopback',
      '--auth-open',
    ],
    [
      'one of several addresses is not loopback',
      { env: { HOST: '127.0.0.1,192.168.1.5' } },
      'host = 192.168.1.5 is no',
      'MCP_SSE_AUTH_KEY',
    ],
    ['every IPv6 address', { flags: { host: '::' } }, '--host: host = :: is no loopback', 'mcp-sse key new'],
    [
      'a name that may resolve to anything',
      { env: { HOST: 'hub.internal' } },
      'hub.internal is no loopback',
      '--auth-open',
    ],
    [
      '127.1, which some resolvers take for loopback',
      { env: { HOST: '127.1' } },
      'host = 127.1 is no loopback',
      '--auth-open',
    ],
    [
      'open and a key at once',
      { env: { ...KEY, MCP_SSE_AUTH_OPEN: 'true' } },
      'MCP_SSE_AUTH_OPEN: auth.open lets everyone in, and MCP_SSE_AUTH_KEY sets auth.key',
      'Remove one',
    ],
    [
      'open and tokens at once',
      { env: SECRET, flags: { 'auth.open': 'true' } },
      '--auth-open: auth.open lets everyone in',
      'auth.jwt.secret',
    ],
    [
      'open and a key that is made',
      { env: { MCP_SSE_AUTH_MAKE_KEY: 'true', MCP_SSE_AUTH_OPEN: 'true' } },
      'MCP_SSE_AUTH_OPEN: auth.open lets everyone in, and MCP_SSE_AUTH_MAKE_KEY sets auth.make_key',
      'Remove one',
    ],
    [
      'anonymous rights where all are anonymous',
      { env: { MCP_SSE_AUTH_ANONYMOUS_SUBSCRIBE: 'a' } },
      'auth.anonymous.subscribe says what',
      'mcp-sse key new',
    ],
    [
      'tokens its issuer made for others',
      { env: { MCP_SSE_AUTH_JWT_JWKS: 'keys.json', MCP_SSE_AUTH_JWT_ISSUER: 'i' } },
      'auth.jwt.jwks without auth.jwt.audience (or public_url) would',
      'Set MCP_SSE_AUTH_JWT_AUDIENCE (or MCP_SSE_PUBLIC_URL).',
    ],
    [
      'tokens of any issuer of those keys, for the public URL or not',
      { env: { MCP_SSE_AUTH_JWT_JWKS: 'keys.json', MCP_SSE_PUBLIC_URL: 'https://a.example' } },
      'auth.jwt.jwks without auth.jwt.issuer would',
      'Set MCP_SSE_AUTH_JWT_ISSUER.',
    ],
    [
      'keys that sign for anyone and anything',
      { env: { MCP_SSE_AUTH_JWT_JWKS: 'keys.json' } },
      'auth.jwt.jwks without auth.jwt.issuer and auth.jwt.audience (or public_url) would',
      'Set MCP_SSE_AUTH_JWT_ISSUER and MCP_SSE_AUTH_JWT_AUDIENCE (or MCP_SSE_PUBLIC_URL).',
    ],
    [
      'tokens of any issuer of those keys',
      { env: { MCP_SSE_AUTH_JWT_JWKS: 'keys.json', MCP_SSE_AUTH_JWT_AUDIENCE: 'a' } },
      'auth.jwt.jwks without auth.jwt.issuer',
      'MCP_SSE_AUTH_JWT_ISSUER',
    ],
    [
      'a cookie that nothing verifies',
      { env: { ...KEY, MCP_SSE_AUTH_JWT_COOKIE: 'session' } },
      'auth.jwt.cookie is about tokens',
      'MCP_SSE_AUTH_JWT_SECRET',
    ],
    [
      'an issuer that nothing verifies: it looks closed and is open',
      { env: { MCP_SSE_AUTH_JWT_ISSUER: 'i' } },
      'auth.jwt.issuer is about tokens',
      'MCP_SSE_AUTH_JWT_JWKS',
    ],
    [
      'one name for two keys',
      {
        file: `[[auth.keys]]\nname = "ci"\nsha256 = "${SHA('a')}"\n[[auth.keys]]\nname = "ci"\nsha256 = "${SHA('b')}"\n`,
      },
      'mcp-sse.toml:1: auth.keys has the name "ci" twice',
      'mcp-sse key revoke ci',
    ],
    [
      'two names for one key',
      {
        file: `[[auth.keys]]\nname = "a"\nsha256 = "${SHA('a')}"\n[[auth.keys]]\nname = "b"\nsha256 = "${SHA('a').toUpperCase()}"\n`,
      },
      'auth.keys has one sha256 for "a" and "b"',
      'mcp-sse key new b',
    ],
    [
      'auth.key once more with fewer grants',
      { env: { ...KEY, MCP_SSE_AUTH_KEYS: keyTable({ sha256: SHA(KEY.MCP_SSE_AUTH_KEY) }) } },
      'auth.keys has the key of auth.key',
      'mcp-sse key new',
    ],
  ] as const)('%s', (_, sources, says, wayOut) => {
    const [problem, ...others] = problems(sources)
    expect(others).toEqual([])
    expect(problem).toContain(says)
    expect(problem).toContain(wayOut)
  })

  test.each([
    ['any address with a key', { HOST: '0.0.0.0', ...KEY }],
    ['any address for everyone who is meant', { HOST: '0.0.0.0,::', MCP_SSE_AUTH_OPEN: 'true' }],
    ['loopback in every spelling', { HOST: '127.0.0.2,::1,[::1],localhost,0:0:0:0:0:0:0:1,::ffff:127.0.0.1' }],
    ['anonymous reading beside a key', { ...KEY, MCP_SSE_AUTH_ANONYMOUS_SUBSCRIBE: 'public/**' }],
    [
      'every page and a cookie, which never go together on the wire',
      { ...SECRET, CORS_ORIGIN: '*', MCP_SSE_AUTH_JWT_COOKIE: 'c' },
    ],
    ['every address and a key that is made', { HOST: '0.0.0.0', MCP_SSE_AUTH_MAKE_KEY: 'true' }],
    [
      'a set of keys with issuer and audience',
      { MCP_SSE_AUTH_JWT_JWKS: 'https://a.example/keys', MCP_SSE_AUTH_JWT_ISSUER: 'i', MCP_SSE_AUTH_JWT_AUDIENCE: 'a' },
    ],
    [
      'a set of keys whose tokens are for the public URL',
      {
        MCP_SSE_AUTH_JWT_JWKS: 'https://a.example/keys',
        MCP_SSE_AUTH_JWT_ISSUER: 'i',
        MCP_SSE_PUBLIC_URL: 'https://events.example',
      },
    ],
  ])('%s is let through', (_, env) => {
    expect(problems({ env })).toEqual([])
  })
})

test.each([
  [
    'auth.open',
    { MCP_SSE_AUTH_OPEN: 'yes' },
    'MCP_SSE_AUTH_OPEN: auth.open = yes is refused; allowed is true or false.',
  ],
  ['auth.anonymous.publish', { MCP_SSE_AUTH_ANONYMOUS_PUBLISH: 'a*' }, 'auth.anonymous.publish = a* is refused'],
  [
    'auth.jwt.jwks over plain http',
    { MCP_SSE_AUTH_JWT_JWKS: 'http://keys.example/jwks' },
    'allowed is a path, or an https URL (http only on this machine)',
  ],
  ['auth.jwt.jwks of another scheme', { MCP_SSE_AUTH_JWT_JWKS: 'file:///keys' }, 'allowed is a path, or an https URL'],
  ['auth.jwt.cookie', { MCP_SSE_AUTH_JWT_COOKIE: 'a b' }, 'auth.jwt.cookie = a b is refused; allowed is a cookie name'],
  ['public_url with a path', { MCP_SSE_PUBLIC_URL: 'https://a.example/hub' }, 'Did you mean https://a.example?'],
  [
    'public_url without a scheme',
    { MCP_SSE_PUBLIC_URL: 'a.example' },
    'public_url = a.example is refused; allowed is an http or https',
  ],
  [
    'allowed_hosts with a scheme',
    { MCP_SSE_ALLOWED_HOSTS: 'https://a.example' },
    'without http://. Did you mean a.example?',
  ],
  ['allowed_hosts with half an address', { MCP_SSE_ALLOWED_HOSTS: '127.1:80' }, 'Did you mean 127.0.0.1?'],
  ['allowed_hosts with a wildcard', { MCP_SSE_ALLOWED_HOSTS: '*.example' }, 'allowed_hosts = *.example is refused'],
  [
    'limits.trusted_proxies',
    { MCP_SSE_LIMITS_TRUSTED_PROXIES: '10.0.0.0/33' },
    'allowed is a list of addresses or ranges',
  ],
  ['limits.publish_rate', { MCP_SSE_LIMITS_PUBLISH_RATE: '0' }, 'allowed is a whole number from 1 to 1000000'],
])('%s is refused with what is allowed', (_, env, says) => {
  expect(problems({ env: env as Record<string, string> })).toEqual([expect.stringContaining(says)])
})

test.each([
  ['a hash that is none', { sha256: 'abc' }, 'auth.keys[0].sha256 is refused; allowed is the SHA-256'],
  [
    'a key where its name belongs',
    { name: `mcpsse_${'a'.repeat(43)}` },
    'auth.keys[0].name is refused; allowed is a name of 1 to 64 letters, digits and _ . -. That is a key',
  ],
  ['the name of the one key of auth.key', { name: 'auth.key' }, 'The one key of auth.key has that name.'],
  [
    'a date that is none',
    { expires: '2026-02-30' },
    'auth.keys[0].expires is refused; allowed is a date such as 2026-12-31',
  ],
  ['a time without a zone', { expires: '2026-02-03T00:00:00' }, 'auth.keys[0].expires is refused'],
  [
    'a pattern that is none',
    { publish: ['a*'] },
    'auth.keys[0].publish is refused; allowed is a list of topic patterns',
  ],
  [
    'a misspelled grant, which must not be left out in silence',
    { subscibe: ['a'] },
    'auth.keys[0] has no key "subscibe". Did you mean "subscribe"?',
  ],
])('a key with %s is refused, and neither names nor hashes are shown', (_, more, says) => {
  const refused = problems({ env: { MCP_SSE_AUTH_KEYS: keyTable(more) } })
  expect(refused).toEqual([expect.stringContaining(says)])
  expect(refused.join()).not.toMatch(/mcpsse_|[0-9a-f]{16}| = /)
})

test('a key in the file has its grants and its end; a date ends at its first moment, in quotes or not', () => {
  const file = (expires: string) =>
    `[[auth.keys]]\nname = "ci"\nsha256 = "${SHA('ci')}"\npublish = ["builds/**"]\nexpires = ${expires}\n`
  const end = Date.UTC(2030, 0, 1)
  for (const expires of ['"2030-01-01"', '2030-01-01', '2030-01-01T00:00:00Z', '"2030-01-01T01:00:00+01:00"']) {
    expect(load({ file: file(expires) }).config.auth.keys).toEqual([
      {
        name: 'ci',
        sha256: SHA('ci'),
        publish: ['builds/**'],
        subscribe: [],
        admin: false,
        metrics: false,
        expires: end,
      },
    ])
  }
})

test('an address in plain http that others use is warned about, one on this machine is not', () => {
  const warnings = (url: string) => load({ env: { MCP_SSE_PUBLIC_URL: url } }).warnings
  expect(warnings('http://events.example')).toEqual([expect.stringContaining('is not https')])
  for (const url of ['https://events.example', 'http://localhost:3000', 'http://[::1]:3000', 'http://app.localhost']) {
    expect(warnings(url)).toEqual([])
  }
})
