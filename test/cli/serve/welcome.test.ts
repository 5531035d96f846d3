import { expect, test } from 'bun:test'
import { rootCertificates } from 'node:tls'
import { welcome } from '../../../src/cli/serve/welcome.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { certificates } from '../../support/certificates.ts'
import { secret } from '../../support/secrets.ts'
import { tempDir } from '../../support/temp-dir.ts'

async function lines(env: Record<string, string> = {}, firstKey = false) {
  using dir = tempDir()
  const { config } = loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path, ...env }, descriptors: 1000 })
  return await welcome(config, { urls: [`http://${config.hosts[0]}:3000`], port: 3000, firstKey })
}

test('a start says who may come in, with a line to type that works in that mode', async () => {
  const open = await lines()
  expect(open).toContain('  access open: anyone on this machine may publish and read\n')
  expect(open).toContain("  try    curl -d 'hello' localhost:3000/events/greetings\n")
  expect(await lines({ HOST: '0.0.0.0', MCP_SSE_AUTH_OPEN: 'true' })).toContain(
    'access open to all: anyone who can reach it',
  )
  expect(await lines({ MCP_SSE_AUTH_MAKE_KEY: 'true' }, true)).toContain(
    'access first-key; without a credential nothing\n',
  )
  const key = secret()
  const closed = await lines({
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

test('a hub that does not listen on loopback is not called localhost', async () => {
  const text = await lines({ HOST: '192.168.1.5', MCP_SSE_AUTH_KEY: secret() })
  expect(text).toContain(' 192.168.1.5:3000/events/greetings\n')
  expect(text).not.toContain('localhost')
})

/** The lines of a hub that shows `cert`, whose file is at `path`. */
async function secureLines(cert: string, path: string, env: Record<string, string> = {}) {
  using dir = tempDir()
  const tls = { MCP_SSE_TLS_CERT: path, MCP_SSE_TLS_KEY: 'key.pem' }
  const sources = { mode: 'source', cwd: dir.path, env: { HOME: dir.path, ...tls, ...env }, descriptors: 1000 } as const
  const place = { urls: ['https://127.0.0.1:3000'], port: 3000, firstKey: false }
  return await welcome(loadConfig(sources).config, { ...place, certificate: { host: 'hub.example', cert } })
}

test('with TLS the lines name what the certificate is for, by https', async () => {
  const text = await secureLines(rootCertificates[0]!, '/cert.pem')
  expect(text).toContain('  mcp    https://hub.example:3000/mcp\n')
  expect(text).toContain("curl -d 'hello' https://hub.example:3000/events/greetings\n")
  expect(text).not.toContain('localhost')
})

test('a certificate that no public authority signed is named to curl, unless a proxy shows another one', async () => {
  using authority = certificates()
  const { cert } = authority.issue('hub.example')
  const direct = await secureLines(cert, '/etc/hub/cert.pem')
  expect(direct).toContain("curl --cacert /etc/hub/cert.pem -d 'hello' https://hub.example:3000/events/greetings\n")
  const [quoted, url] = ["/it's here/c.pem", 'https://hub.lan:3000']
  expect(await secureLines(cert, quoted, { MCP_SSE_PUBLIC_URL: url })).toContain(
    `curl --cacert '/it'\\''s here/c.pem' -d 'hello' ${url}/events/greetings\n`,
  )
  const behind = await secureLines(cert, '/c.pem', { MCP_SSE_PUBLIC_URL: 'https://events.example' })
  expect(behind).toContain("curl -d 'hello' https://events.example/events/greetings\n")
})
