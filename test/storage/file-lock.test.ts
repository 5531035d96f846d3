import { expect, test } from 'bun:test'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { lockFile } from '../../src/storage/file-lock.ts'
import { tempDir } from '../support/temp-dir.ts'

function heldElsewhere(path: string): boolean {
  const source = `import { lockFile } from ${JSON.stringify(join(import.meta.dir, '../../src/storage/file-lock.ts'))}
process.exit(lockFile(${JSON.stringify(path)}) ? 0 : 7)`
  return Bun.spawnSync([process.execPath, '-e', source]).exitCode === 7
}

test('a file is held until it is released, against this process and any other, and is empty', () => {
  using dir = tempDir()
  const path = join(dir.path, 'lock')
  const release = lockFile(path)!
  expect(lockFile(path)).toBeUndefined()
  // A second try from within must not have given the lock up.
  expect(heldElsewhere(path)).toBe(true)
  release()
  expect(heldElsewhere(path)).toBe(false)
  expect([readdirSync(dir.path), statSync(path).size, statSync(path).mode & 0o777]).toEqual([['lock'], 0, 0o600])
  lockFile(path)!()
})
