import { expect, test } from 'bun:test'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../../support/command.ts'
import { tempDir } from '../../support/temp-dir.ts'

const EVENTS = 1_000

/** Every fsync from the `number`th on, or that one alone, ends with an I/O error. */
function failingDisk(number: number, andAfter: string): string[] {
  const inject = `inject=fsync,fdatasync:error=EIO:when=${number}${andAfter}`
  return ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', inject]
}

async function kept(cwd: string): Promise<number> {
  const { stdout } = await runCommand(['log', 'export', '--data-dir', 'data'], { cwd })
  return stdout.split('\n').length - 1
}

test.each(['', '+'])(
  'wherever the disk fails%s, what is said of the import is what happened',
  async (andAfter) => {
    using dir = tempDir()
    const cwd = dir.path
    writeFileSync(join(cwd, 'in.ndjson'), `{"data":"${'x'.repeat(200)}"}\n`.repeat(EVENTS))
    const said = new Set<string>()
    for (let number = 1; !said.has('imported') || number < 17; number++) {
      rmSync(join(cwd, 'data'), { recursive: true, force: true })
      const through = failingDisk(number, andAfter)
      const { stderr, exitCode } = await runCommand(['log', 'import', 'in.ndjson', '--data-dir', 'data'], {
        cwd,
        through,
      })
      const events = await kept(cwd)
      if (exitCode === 0) {
        said.add('imported')
        if (stderr !== '') said.add('with a warning')
        expect({ number, events }).toEqual({ number, events: EVENTS })
      } else if (stderr.includes('Nothing was imported.')) {
        said.add('nothing')
        expect({ number, events, exitCode }).toEqual({ number, events: 0, exitCode: 74 })
      } else {
        said.add('not known')
        expect({ exitCode, stderr }).toEqual({
          exitCode: 74,
          stderr: expect.stringMatching(/is not known\. .*\nTry: mcp-sse log export --since \w+\.0\n$/),
        })
        expect([0, EVENTS]).toContain(events)
      }
    }
    expect([...said].sort()).toEqual(
      andAfter ? ['imported', 'not known', 'nothing', 'with a warning'] : ['imported', 'nothing'],
    )
  },
  300_000,
)

test('an import that cannot say what it did says that it did it', async () => {
  using dir = tempDir()
  const cwd = dir.path
  writeFileSync(join(cwd, 'in.ndjson'), '{"data":1}\n')
  const { stderr, exitCode } = await runCommand(['log', 'import', 'in.ndjson', '--data-dir', 'data'], {
    cwd,
    through: ['sh', '-c', 'exec "$@" > /dev/full', 'sh'],
  })
  expect(exitCode).toBe(74)
  expect(stderr).toMatch(/^mcp-sse: Imported: 1 event up to \w+\.1\. The output could not be written \(ENOSPC/)
  expect(await kept(cwd)).toBe(1)
})

test('what cannot be read is named: a directory, nothing, a line that is not UTF-8', async () => {
  using dir = tempDir()
  const cwd = dir.path
  const told = async (...args: string[]) => {
    const { stdout, stderr, exitCode } = await runCommand(['log', 'import', ...args, '--data-dir', 'data'], { cwd })
    expect(stdout).toBe('')
    return `${exitCode} ${stderr.split('\n')[0]}`
  }
  mkdirSync(join(cwd, 'place'))
  expect(await told('place')).toBe('74 mcp-sse: place is a directory.')
  expect(await told('none')).toBe('1 mcp-sse: There is no file none.')
  const good = Buffer.from(`{"data":"${'é'.repeat(20)}"}\n\n`.repeat(5_000))
  writeFileSync(join(cwd, 'latin'), Buffer.concat([good, Buffer.from('{"data":"\xe9"}\n{"data":1}\n', 'latin1')]))
  expect(await told('latin')).toBe('1 mcp-sse: latin is not UTF-8 text in line 10001.')
})
