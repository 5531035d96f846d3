import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { configKeys } from '../../src/config/keys.ts'
import { loadConfig } from '../../src/config/load.ts'
import { sampleConfig } from '../../src/config/sample.ts'
import { configMarkdown } from '../../src/config/table.ts'
import { tempDir } from '../support/temp-dir.ts'

function load(cwd: string) {
  return loadConfig({ mode: 'source', cwd, env: { HOME: cwd }, descriptors: 1000 })
}

test('docs/configuration.md is what the schema says (else: mcp-sse config print --markdown > docs/configuration.md)', () => {
  const path = resolve(import.meta.dir, '../../docs/configuration.md')
  expect(readFileSync(path, 'utf8')).toBe(configMarkdown())
})

test('the sample file changes nothing as it is, and has the defaults when its keys are taken out of comments', () => {
  using dir = tempDir()
  const defaults = load(dir.path).config
  const path = join(dir.path, 'mcp-sse.toml')
  writeFileSync(path, sampleConfig())
  expect(load(dir.path).config).toEqual(defaults)
  writeFileSync(path, sampleConfig().replaceAll(/^# (?=[a-z_]+ = )/gm, ''))
  const loaded = load(dir.path)
  expect(loaded.config).toEqual(defaults)
  const fixed = configKeys().filter((key) => key.meta.default !== undefined)
  expect(loaded.entries.filter(({ origin }) => origin.startsWith('mcp-sse.toml:'))).toHaveLength(fixed.length)
})

test('every example of the sample file is accepted', () => {
  using dir = tempDir()
  for (const { name, path, meta } of configKeys()) {
    if (meta.example === undefined) continue
    const section = path.length > 1 ? `[${path.slice(0, -1).join('.')}]\n` : ''
    writeFileSync(join(dir.path, 'mcp-sse.toml'), `${section}${path.at(-1)} = ${meta.example}\n`)
    // What some keys need beside them.
    const env = name === 'auth.jwt.jwks' ? { MCP_SSE_AUTH_JWT_ISSUER: 'i', MCP_SSE_AUTH_JWT_AUDIENCE: 'a' } : {}
    const secret = { MCP_SSE_AUTH_JWT_SECRET: 's'.repeat(32) }
    const pair = { 'tls.cert': { MCP_SSE_TLS_KEY: 'key.pem' }, 'tls.key': { MCP_SSE_TLS_CERT: 'cert.pem' } }[name]
    const { entries } = loadConfig({
      mode: 'source',
      cwd: dir.path,
      env: { HOME: dir.path, ...env, ...secret, ...pair },
      descriptors: 20_000,
    })
    expect(entries.find(({ key }) => key.name === name)?.origin).toStartWith('mcp-sse.toml:')
  }
})

test('no two keys share a variable or a flag, and every key says what it is for', () => {
  const keys = configKeys()
  expect(new Set(keys.map((key) => key.env)).size).toBe(keys.length)
  const flags = keys.filter((key) => key.flag !== undefined)
  expect(new Set(flags.map((key) => key.flag)).size).toBe(flags.length)
  expect(keys.filter(({ meta }) => !meta.description || !meta.allowed)).toEqual([])
  expect(keys.filter(({ meta }) => meta.default === undefined && meta.defaultText === undefined)).toEqual([])
})
