import { expect, test } from 'bun:test'
import { lstatSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { editKeys } from '../../src/cli/settings-file.ts'
import { canMount, smallDisk } from '../support/small-disk.ts'
import { tempDir } from '../support/temp-dir.ts'

test('a link to a file that is not there for now is neither replaced nor followed', () => {
  using dir = tempDir()
  const path = join(dir.path, 'mcp-sse.toml')
  symlinkSync(join(dir.path, 'not-mounted/mcp-sse.toml'), path)
  expect(() => editKeys(path, dir.path, () => '# mine\n')).toThrow('mcp-sse.toml cannot be written (ENOENT).')
  expect(lstatSync(path).isSymbolicLink()).toBe(true)
})

test('a file that somebody puts in the place of the unfinished one is neither taken nor touched', () => {
  using dir = tempDir()
  using elsewhere = tempDir()
  const path = join(dir.path, 'mcp-sse.toml')
  const victim = join(elsewhere.path, 'victim')
  writeFileSync(path, '# mine\n', { mode: 0o644 })
  writeFileSync(victim, 'a secret', { mode: 0o600 })
  const edit = (text: string): string => {
    rmSync(`${path}.new`)
    symlinkSync(victim, `${path}.new`)
    return `${text}# more\n`
  }
  expect(() => editKeys(path, dir.path, edit)).toThrow('was replaced while it was being written')
  expect(readFileSync(path, 'utf8')).toBe('# mine\n')
  expect(statSync(victim).mode & 0o777).toBe(0o600)
  expect(readFileSync(victim, 'utf8')).toBe('a secret')
})

test.skipIf(!canMount())('a disk that fills up amid the edit leaves the settings whole', () => {
  using disk = smallDisk()
  const path = join(disk!.path, 'mcp-sse.toml')
  const before = `# ${'x'.repeat(100_000)}\n`
  writeFileSync(path, before)
  // Room for a part of it.
  writeFileSync(join(disk!.path, 'other'), Buffer.alloc(2_900_000))
  expect(() => editKeys(path, disk!.path, (text) => `${text}# more\n${'y'.repeat(50_000)}`)).toThrow(
    'mcp-sse.toml cannot be written (ENOSPC).',
  )
  expect(readFileSync(path, 'utf8')).toBe(before)
})
