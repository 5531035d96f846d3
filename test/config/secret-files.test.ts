import { describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configKeys } from '../../src/config/keys.ts'
import { loadConfig } from '../../src/config/load.ts'
import { HubError } from '../../src/core/errors.ts'
import { secret } from '../support/secrets.ts'
import { tempDir } from '../support/temp-dir.ts'

function load(cwd: string, env: Record<string, string> = {}, envFile?: string) {
  return loadConfig({ mode: 'source', cwd, env: { HOME: cwd, ...env }, envFile, descriptors: 1000, platform: 'linux' })
}

function refusal(cwd: string, env: Record<string, string>): string {
  try {
    load(cwd, env)
    return 'accepted'
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    return error.message
  }
}

describe('a …_FILE variable', () => {
  test('holds the secret, without the line break an editor puts at the end', () => {
    using dir = tempDir()
    const key = secret('a key of a file')
    writeFileSync(join(dir.path, 'key'), `${key}\n`, { mode: 0o600 })
    const loaded = load(dir.path, { MCP_SSE_AUTH_KEY_FILE: 'key' })
    expect(loaded.config.auth.key).toBe(key)
    expect(loaded.warnings).toEqual([])
    expect(loaded.entries.find(({ key }) => key.name === 'auth.key')).toMatchObject({
      value: '(secret)',
      origin: 'MCP_SSE_AUTH_KEY_FILE',
    })
  })

  test('holds one secret of a list a line, commas and all', () => {
    using dir = tempDir()
    const [first, second] = [`${secret()},with a comma`, secret()]
    writeFileSync(join(dir.path, 'secrets'), `${first}\r\n${second}\r\n`, { mode: 0o600 })
    const loaded = load(dir.path, { MCP_SSE_AUTH_JWT_SECRET_FILE: join(dir.path, 'secrets') })
    expect(loaded.config.auth.jwt.secrets).toEqual([first, second])
  })

  test('of an env file counts as one of the environment does', () => {
    using dir = tempDir()
    const key = secret()
    writeFileSync(join(dir.path, 'key'), key, { mode: 0o600 })
    writeFileSync(join(dir.path, 'vars'), 'MCP_SSE_AUTH_KEY_FILE=key\n')
    expect(load(dir.path, {}, 'vars').config.auth.key).toBe(key)
  })

  test.each([
    [
      'is not there',
      'none',
      'MCP_SSE_AUTH_KEY_FILE: the file it names does not exist. Name a readable file that holds the secret.',
    ],
    ['is empty', 'empty', 'MCP_SSE_AUTH_KEY_FILE: empty is empty. Write the secret to it.'],
    ['is a directory', 'dir', 'MCP_SSE_AUTH_KEY_FILE: dir is not a regular file. Name one that holds the secret.'],
    [
      'is above 64 KiB',
      'large',
      'MCP_SSE_AUTH_KEY_FILE: large is above 64 KiB, which no secret is. Name the right file.',
    ],
  ])('whose file %s stops the start', (_, file, says) => {
    using dir = tempDir()
    mkdirSync(join(dir.path, 'dir'))
    writeFileSync(join(dir.path, 'empty'), '\n')
    writeFileSync(join(dir.path, 'large'), 'x'.repeat(65_537))
    expect(refusal(dir.path, { MCP_SSE_AUTH_KEY_FILE: file })).toBe(says)
  })

  test('beside its plain variable stops the start: nobody could tell which one counts', () => {
    using dir = tempDir()
    const said = refusal(dir.path, { MCP_SSE_AUTH_KEY: secret(), MCP_SSE_AUTH_KEY_FILE: 'key' })
    expect(said).toStartWith('MCP_SSE_AUTH_KEY_FILE and MCP_SSE_AUTH_KEY are both set')
  })

  test('that names a file others can read is warned about, unless a container platform mounted it', () => {
    using dir = tempDir()
    const warnings = (mode: number, env: Record<string, string> = {}) => {
      writeFileSync(join(dir.path, 'key'), secret())
      chmodSync(join(dir.path, 'key'), mode)
      return load(dir.path, { MCP_SSE_AUTH_KEY_FILE: 'key', ...env }).warnings
    }
    const warned = ['key holds a secret and every user of this machine can read it: chmod 600 key']
    expect(warnings(0o644)).toEqual(warned)
    expect(warnings(0o600)).toEqual([])
    // root:mcp-sse 640 is how packages hand a secret to their service.
    expect(warnings(0o640)).toEqual([])
    expect(warnings(0o644, { KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toEqual([])
    expect(warnings(0o644, { CREDENTIALS_DIRECTORY: dir.path })).toEqual([])
    // A user that exists only while the service runs could not read the file any more either.
    const [service] = warnings(0o644, { CREDENTIALS_DIRECTORY: `${dir.path}-other` })
    expect(service).toStartWith('key holds a secret and every user of this machine can read it: ')
    expect(service).toContain('LoadCredential=')
    expect(service).not.toContain('chmod')
  })
})

test('a settings file with a secret that others can read is warned about, one with hashes of keys is not', () => {
  using dir = tempDir()
  const path = join(dir.path, 'mcp-sse.toml')
  const warnings = (text: string, mode: number) => {
    writeFileSync(path, text)
    chmodSync(path, mode)
    return load(dir.path).warnings
  }
  const own = `[auth]\nkey = "${secret()}"\n`
  expect(warnings(own, 0o644)).toEqual([expect.stringContaining('mcp-sse.toml holds auth.key and every user')])
  expect(warnings(own, 0o600)).toEqual([])
  expect(warnings(`[[auth.keys]]\nname = "ci"\nsha256 = "${'0'.repeat(64)}"\n`, 0o644)).toEqual([])
})

test('a secret without quotes is not repeated by the sentence about the broken file', () => {
  using dir = tempDir()
  const key = secret()
  for (const line of [`key = ${key}`, `key = "${key}`, `key = "a" ${key}`, `key = "${key}"\nkey = "${key}"`]) {
    writeFileSync(join(dir.path, 'mcp-sse.toml'), `[auth]\n${line}\n`)
    const said = refusal(dir.path, {})
    expect(said).toContain('this is not TOML')
    expect(said).not.toContain(key.slice(0, 12))
  }
})

test('no secret has a flag, each has a file variable, and the documentation marks it', () => {
  const secrets = configKeys().filter(({ meta }) => meta.secret !== undefined)
  expect(secrets.map(({ name, flag, envFile }) => [name, flag, envFile])).toEqual([
    ['forward', undefined, 'MCP_SSE_FORWARD_FILE'],
    ['auth.key', undefined, 'MCP_SSE_AUTH_KEY_FILE'],
    ['auth.keys', undefined, 'MCP_SSE_AUTH_KEYS_FILE'],
    ['auth.jwt.secret', undefined, 'MCP_SSE_AUTH_JWT_SECRET_FILE'],
  ])
})
