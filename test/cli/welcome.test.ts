import { expect, test } from 'bun:test'
import { welcome } from '../../src/cli/welcome.ts'
import { loadConfig } from '../../src/config/load.ts'
import { secret } from '../support/secrets.ts'
import { tempDir } from '../support/temp-dir.ts'

function lines(env: Record<string, string> = {}, firstKey = false) {
  using dir = tempDir()
  const { config } = loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path, ...env }, descriptors: 1000 })
  return welcome(config, { urls: [`http://${config.hosts[0]}:3000`], port: 3000, firstKey })
}

test('a start says who may come in, with a line to type that works in that mode', () => {
  const open = lines()
  expect(open).toContain('  access open: anyone on this machine may publish and read\n')
  expect(open).toContain("  try    curl -d 'hello' localhost:3000/events/greetings\n")
  expect(lines({ HOST: '0.0.0.0', MCP_SSE_AUTH_OPEN: 'true' })).toContain('access open to all: anyone who can reach it')
  expect(lines({ MCP_SSE_AUTH_MAKE_KEY: 'true' }, true)).toContain('access first-key; without a credential nothing\n')
  const key = secret()
  const closed = lines({
    MCP_SSE_AUTH_KEY: key,
    MCP_SSE_AUTH_KEYS: `[{"name":"ci","sha256":"${'0'.repeat(64)}"}]`,
    MCP_SSE_AUTH_JWT_SECRET: `${key}${key}`,
    MCP_SSE_AUTH_JWT_ISSUER: 'https://login.example',
    MCP_SSE_AUTH_ANONYMOUS_SUBSCRIBE: 'public/**',
    MCP_SSE_PUBLIC_URL: 'https://events.example',
  })
  expect(closed).toContain(
    '  access auth.key, 1 key, tokens of https://login.example; without a credential read public/**\n',
  )
  expect(closed).toContain('  page   https://events.example/\n')
  expect(closed).toContain('curl -H "Authorization: Bearer $MCP_SSE_KEY" -d')
  expect(closed).not.toContain(key)
})

test('a hub that does not listen on loopback is not called localhost', () => {
  const text = lines({ HOST: '192.168.1.5', MCP_SSE_AUTH_KEY: secret() })
  expect(text).toContain(' 192.168.1.5:3000/events/greetings\n')
  expect(text).not.toContain('localhost')
})

test('with TLS the lines name what the certificate is for, by https', () => {
  using dir = tempDir()
  const { config } = loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path }, descriptors: 1000 })
  const place = { urls: ['https://127.0.0.1:3000'], port: 3000, firstKey: false, certificateHost: 'hub.example' }
  const text = welcome(config, place)
  expect(text).toContain('  mcp    https://hub.example:3000/mcp\n')
  expect(text).toContain("curl -d 'hello' https://hub.example:3000/events/greetings\n")
  expect(text).not.toContain('localhost')
  const behind = welcome({ ...config, publicUrl: 'https://events.example' }, place)
  expect(behind).toContain("curl -d 'hello' https://events.example/events/greetings\n")
})
