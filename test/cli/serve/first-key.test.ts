import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { hashOfKey } from '../../../src/auth/api-keys.ts'
import { accessSettings } from '../../../src/cli/serve/access-settings.ts'
import { FirstKey } from '../../../src/cli/serve/first-key.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { readFirstKey } from '../../../src/daemon/first-key.ts'
import { temporaryTicketKey } from '../../../src/daemon/ticket-key.ts'
import { runCommand } from '../../support/command.ts'
import { registerSecret, secret } from '../../support/secrets.ts'
import { rejection } from '../../support/settled.ts'
import { tempDir } from '../../support/temp-dir.ts'

function config(directory: string, env: Record<string, string> = {}) {
  const all = { HOME: directory, DATA_DIR: directory, MCP_SSE_AUTH_MAKE_KEY: 'true', ...env }
  return loadConfig({ mode: 'source', cwd: directory, env: all, descriptors: 1000 }).config
}

function printer() {
  let text = ''
  const write = async (more: string) => {
    text += more
  }
  const keys = () => (text.match(/mcpsse_[\w-]{43}/g) ?? []).map((key) => registerSecret(key, 'a first key'))
  return { output: { write, isTerminal: false, columns: 80 }, keys }
}

test('the key is printed when it is made, and what is kept proves it at the next start', async () => {
  using dir = tempDir()
  const { output, keys } = printer()
  const sha256 = await new FirstKey(output).of(config(dir.path))
  expect(keys()).toHaveLength(1)
  expect(sha256).toBe(hashOfKey(keys()[0]!))
  expect(await new FirstKey(output).of(config(dir.path))).toBe(sha256)
  expect(keys()).toHaveLength(1)
})

test('a hub that keeps nothing has one key for as long as it runs', async () => {
  using dir = tempDir()
  const { output, keys } = printer()
  const first = new FirstKey(output)
  const memory = config(dir.path, { MCP_SSE_DURABILITY: 'memory' })
  expect(await first.of(memory)).toBe((await first.of(memory))!)
  expect(keys()).toHaveLength(1)
  expect(readdirSync(dir.path)).toEqual([])
})

test('a key that nobody could be shown is not kept', async () => {
  using dir = tempDir()
  const { output } = printer()
  const broken = { ...output, write: () => Promise.reject(new Error('gone')) }
  expect(await rejection(new FirstKey(broken).of(config(dir.path)))).toMatchObject({
    message: expect.stringContaining('could not be shown on stdout (Error: gone) and does not count.'),
    exitCode: 74,
  })
  expect(readFirstKey(dir.path)).toBeUndefined()
})

test('beside another credential none is made, and one that was made before still counts', async () => {
  using dir = tempDir()
  const { output, keys } = printer()
  const first = new FirstKey(output)
  const both = config(dir.path, { MCP_SSE_AUTH_KEY: 'k'.repeat(32) })
  expect(await first.of(both)).toBeUndefined()
  const made = await first.of(config(dir.path))
  expect(await first.of(both)).toBe(made!)
  expect(keys()).toHaveLength(1)
})

test('with auth.make_key off one that was made before counts no more', async () => {
  using dir = tempDir()
  const { output, keys } = printer()
  const first = new FirstKey(output)
  await first.of(config(dir.path))
  expect(await first.of(config(dir.path, { MCP_SSE_AUTH_MAKE_KEY: 'false' }))).toBeUndefined()
  expect(keys()).toHaveLength(1)
})

test('revoking it says that another one will be made, or not, and a key of that name is refused', async () => {
  using dir = tempDir()
  const { output } = printer()
  await new FirstKey(output).of(config(dir.path))
  const env = { DATA_DIR: dir.path, MCP_SSE_AUTH_MAKE_KEY: 'true' }
  const key = (verb: string, more: Record<string, string> = {}) =>
    runCommand(['key', ...verb.split(' ')], { cwd: dir.path, env: { ...env, ...more } })
  expect((await key('list')).stdout).toStartWith('first-key  ')
  const revoked = await key('revoke first-key')
  expect(revoked).toMatchObject({ stdout: `first-key was removed from ${dir.path}.\n`, exitCode: 0 })
  expect(revoked.stderr).toContain('then it makes and prints another, since nothing else is a credential.\nTry: ')
  expect(readFirstKey(dir.path)).toBeUndefined()
  expect((await key('revoke first-key')).exitCode).toBe(1)
  expect((await key('list')).stdout).toBe('')
  await new FirstKey(output).of(config(dir.path))
  const beside = await key('revoke first-key', { MCP_SSE_AUTH_KEY: secret() })
  expect(beside.stderr).not.toContain('another')
  const taken = `[{ name = "first-key", sha256 = "${'0'.repeat(64)}" }]`
  expect(() => config(dir.path, { MCP_SSE_AUTH_KEYS: taken })).toThrow('which the key of auth.make_key has')
})

test('a configuration that waits for its key lets nobody in', () => {
  using dir = tempDir()
  const ticketKey = temporaryTicketKey()
  expect(accessSettings(config(dir.path), ticketKey).closed).toBe(true)
  expect(accessSettings(config(dir.path), ticketKey, { firstKey: 'ab'.repeat(32) }).closed).toBe(false)
})
