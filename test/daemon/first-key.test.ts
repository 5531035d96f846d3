import { expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FIRST_KEY_FILE, readFirstKey, removeFirstKey, writeFirstKey } from '../../src/daemon/first-key.ts'
import { tempDir } from '../support/temp-dir.ts'

const SHA256 = 'ab'.repeat(32)

test('what proves the key is kept as its owner’s alone and found again', () => {
  using dir = tempDir()
  expect(readFirstKey(dir.path)).toBeUndefined()
  writeFirstKey(dir.path, SHA256)
  expect(readFirstKey(dir.path)).toBe(SHA256)
  expect(readdirSync(dir.path)).toEqual([FIRST_KEY_FILE])
  expect(statSync(join(dir.path, FIRST_KEY_FILE)).mode & 0o777).toBe(0o600)
  expect([removeFirstKey(dir.path), removeFirstKey(dir.path)]).toEqual([true, false])
  expect(readFirstKey(dir.path)).toBeUndefined()
})

test.each(['', SHA256.slice(1), SHA256.toUpperCase(), `${SHA256}\n${SHA256}`, 'mcpsse_x'])(
  'a file that has %j stops the start and is left as it is',
  (content) => {
    using dir = tempDir()
    const path = join(dir.path, FIRST_KEY_FILE)
    writeFileSync(path, content)
    expect(() => readFirstKey(dir.path)).toThrow('is not the SHA-256 of a key. End it with:')
    expect(readFileSync(path, 'utf8')).toBe(content)
  },
)

test('what cannot be read or written is said with the path and the way out', () => {
  using dir = tempDir()
  mkdirSync(join(dir.path, FIRST_KEY_FILE))
  expect(() => readFirstKey(dir.path)).toThrow(`${join(dir.path, FIRST_KEY_FILE)}, cannot be read (EISDIR)`)
  expect(() => writeFirstKey(join(dir.path, 'missing'), SHA256)).toThrow('cannot be written (ENOENT)')
})
