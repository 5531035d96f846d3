import { expect, test } from 'bun:test'
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { putFile } from '../../src/daemon/whole-file.ts'
import { canMount, smallDisk } from '../support/small-disk.ts'
import { tempDir } from '../support/temp-dir.ts'

test('a file that is there is replaced, with the mode that is asked for and nothing left beside it', () => {
  using dir = tempDir()
  const path = join(dir.path, 'a')
  writeFileSync(path, 'before', { mode: 0o644 })
  const umask = process.umask(0o077)
  try {
    putFile(path, 'after', 0o755)
  } finally {
    process.umask(umask)
  }
  expect(readFileSync(path, 'utf8')).toBe('after')
  expect(statSync(path).mode & 0o777).toBe(0o755)
  expect(readdirSync(dir.path)).toEqual(['a'])
})

test('a link in the way of the unfinished file is taken away and not followed', () => {
  using dir = tempDir()
  const victim = join(dir.path, 'victim')
  writeFileSync(victim, 'as it was')
  symlinkSync(victim, join(dir.path, 'a.new'))
  putFile(join(dir.path, 'a'), 'secret', 0o600)
  expect(readFileSync(victim, 'utf8')).toBe('as it was')
  expect(readFileSync(join(dir.path, 'a'), 'utf8')).toBe('secret')
})

test.skipIf(!canMount())('a disk that fills up amid a write leaves what was there', () => {
  using disk = smallDisk()
  const path = join(disk!.path, 'a')
  putFile(path, 'before', 0o600)
  expect(() => putFile(path, Buffer.alloc(4 * 1024 * 1024), 0o600)).toThrow('ENOSPC')
  expect(readFileSync(path, 'utf8')).toBe('before')
})
