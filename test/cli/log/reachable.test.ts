import { expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../../support/command.ts'
import { tempDir } from '../../support/temp-dir.ts'

/** Where systemd keeps the directories of dynamic users. */
const PRIVATE = '/var/lib/private'
const SERVICE = 65_534

function isPossible(): boolean {
  if (process.getuid?.() !== 0 || !existsSync(PRIVATE) || (statSync(PRIVATE).mode & 1) !== 0) return false
  return Bun.spawnSync(['unshare', '--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).success
}

test.skipIf(!isPossible())(
  'root works on the log of a dynamic user, whose files stay its own and whose directory stays hidden',
  async () => {
    using dir = tempDir()
    const dataDir = mkdtempSync(join(PRIVATE, 'mcp-sse-test-'))
    try {
      chownSync(dataDir, SERVICE, SERVICE)
      const log = async (...args: string[]) => {
        const ran = await runCommand(['log', ...args, '--data-dir', dataDir, '--json'], { cwd: dir.path })
        expect(ran).toMatchObject({ stderr: '', exitCode: 0 })
        return JSON.parse(ran.stdout)
      }
      const lines = Array.from(
        { length: 3_000 },
        (_, number) => `{"topic":"a","data":"${number} ${'x'.repeat(1_000)}"}\n`,
      )
      writeFileSync(join(dir.path, 'events.ndjson'), lines.join(''), { mode: 0o600 })
      expect(await log('import', 'events.ndjson')).toMatchObject({ events: 3_000 })
      expect(await log('backup', 'copy')).toMatchObject({ events: 3_000 })
      expect(await log('restore', 'copy', '--replace')).toMatchObject({ events: 3_000 })
      const names = readdirSync(dataDir, { recursive: true, encoding: 'utf8' })
      expect(names).toContain('events.db')
      for (const name of names)
        expect({ name, uid: lstatSync(join(dataDir, name)).uid }).toEqual({ name, uid: SERVICE })
      expect(statSync(join(dir.path, 'copy')).uid).toBe(0)
      expect(statSync(PRIVATE).mode & 0o777).toBe(0o700)
      const refused = await runCommand(['log', 'restore', 'copy', '--data-dir', dataDir], { cwd: dir.path })
      expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`${dataDir} holds events.db`) })
    } finally {
      rmSync(dataDir, { recursive: true })
    }
  },
)

test.skipIf(process.getuid?.() !== 0)(
  'where the user of the hub does not get through to its log, root is told',
  async () => {
    using dir = tempDir()
    chmodSync(dir.path, 0o700)
    const dataDir = join(dir.path, 'data')
    mkdirSync(dataDir)
    chownSync(dataDir, SERVICE, SERVICE)
    writeFileSync(join(dir.path, 'events.ndjson'), '{"data":1}\n')
    const refused = await runCommand(['log', 'import', 'events.ndjson', '--data-dir', dataDir], { cwd: dir.path })
    expect(refused).toMatchObject({ exitCode: 74, stderr: expect.stringContaining('EACCES') })
    expect(readdirSync(dataDir)).toEqual([])
  },
)
