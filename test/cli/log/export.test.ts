import { expect, test } from 'bun:test'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { openLog } from '../../../src/storage/open.ts'
import { runCommand, startCommand } from '../../support/command.ts'
import { draftOf } from '../../support/draft.ts'
import { logOptions } from '../../support/log-options.ts'
import { SLOW_DISK } from '../../support/slow-disk.ts'
import { canMount, smallDisk } from '../../support/small-disk.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

const EVENTS = 4_000

/** A directory with a log of about 4 MB in it. */
async function withLog() {
  const dir = tempDir()
  writeFileSync(join(dir.path, 'in'), `{"data":"${'x'.repeat(900)}"}\n`.repeat(EVENTS))
  const { exitCode } = await runCommand(['log', 'import', 'in', '--data-dir', 'data'], { cwd: dir.path })
  expect(exitCode).toBe(0)
  mkdirSync(join(dir.path, 'out'))
  return {
    out: join(dir.path, 'out'),
    run: (...args: string[]) => runCommand(['log', 'export', '--data-dir', 'data', ...args], { cwd: dir.path }),
    through: (through: readonly string[]) =>
      runCommand(['log', 'export', '--data-dir', 'data'], { cwd: dir.path, through }),
    [Symbol.dispose]: () => dir[Symbol.dispose](),
  }
}

const lines = (path: string) => readFileSync(path, 'utf8').split('\n').length - 1

test('a device and a FIFO are written into and stay what they are, and a reader that goes away is no failure', async () => {
  using log = await withLog()
  // A device of our own, of the numbers of /dev/null.
  const device = join(log.out, 'null')
  const isDevice = Bun.spawnSync(['mknod', device, 'c', '1', '3']).success
  if (isDevice) {
    expect((await log.run('-o', device)).exitCode).toBe(0)
    expect(lstatSync(device).isCharacterDevice()).toBe(true)
  }
  const fifo = join(log.out, 'fifo')
  Bun.spawnSync(['mkfifo', fifo])
  const whole = Bun.spawn(['wc', '-l', fifo], { stdout: 'pipe' })
  expect((await log.run('-o', fifo)).exitCode).toBe(0)
  expect(await new Response(whole.stdout).text()).toStartWith(`${EVENTS} `)
  const first = Bun.spawn(['head', '-c', '10', fifo], { stdout: 'ignore' })
  expect(await log.run('-o', fifo)).toEqual({ stdout: '', stderr: '', exitCode: 0 })
  await first.exited
  expect(lstatSync(fifo).isFIFO()).toBe(true)
  expect(readdirSync(log.out).sort()).toEqual(isDevice ? ['fifo', 'null'] : ['fifo'])
})

test('a link stays, and what it leads to is written, also when that is not there yet', async () => {
  using log = await withLog()
  const at = (name: string) => join(log.out, name)
  mkdirSync(at('real'))
  writeFileSync(at('real/old'), 'old')
  symlinkSync('real', at('place'))
  // Relative to the directory in which the link really is.
  symlinkSync('../old-link', at('real/new'))
  symlinkSync('real/old', at('old-link'))
  symlinkSync('real/fresh', at('dangling'))
  symlinkSync('loop', at('loop'))
  for (const name of ['place/new', 'dangling']) expect((await log.run('-o', at(name))).exitCode).toBe(0)
  expect([lines(at('real/old')), lines(at('real/fresh'))]).toEqual([EVENTS, EVENTS])
  expect([readlinkSync(at('real/new')), readlinkSync(at('dangling'))]).toEqual(['../old-link', 'real/fresh'])
  expect(statSync(at('real/fresh')).mode & 0o777).toBe(0o600)
  expect((await log.run('-o', at('loop'))).exitCode).toBe(74)
  expect(readdirSync(at('real')).sort()).toEqual(['fresh', 'new', 'old'])
})

test('nothing beside the file is touched', async () => {
  using log = await withLog()
  writeFileSync(join(log.out, 'events.unfinished'), 'mine')
  expect((await log.run('-o', join(log.out, 'events'))).exitCode).toBe(0)
  expect(readFileSync(join(log.out, 'events.unfinished'), 'utf8')).toBe('mine')
  expect(readdirSync(log.out).sort()).toEqual(['events', 'events.unfinished'])
})

test('where it cannot be written the exit code is 74, and a sentence says what to do', async () => {
  using log = await withLog()
  const told = async (path: string) => {
    const { stdout, stderr, exitCode } = await log.run('-o', path)
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 74 })
    return stderr
  }
  expect(await told(log.out)).toBe(
    `mcp-sse: ${log.out} is a directory.\nTry: mcp-sse log export -o ${log.out}/events.ndjson\n`,
  )
  const missing = join(log.out, 'no')
  expect(await told(join(missing, 'events'))).toBe(
    `mcp-sse: There is no directory ${missing}.\nTry: mkdir -p ${missing}\n`,
  )
  expect(await told('/sys/events')).toMatch(
    /^mcp-sse: You may not write \/sys\/events .*\nTry: mcp-sse log export -o <a/,
  )
  expect(await log.through(['sh', '-c', 'exec "$@" > /dev/full', 'sh'])).toEqual({
    stdout: '',
    stderr:
      'mcp-sse: There is no room for the export where stdout leads to; what is there is a part of it.\nTry: mcp-sse log export -o <a file on a disk with room>\n',
    exitCode: 74,
  })
})

test.skipIf(!canMount())('on a full disk the file that was there stays, and nothing of the new one', async () => {
  using log = await withLog()
  using disk = smallDisk()
  const file = join(disk!.path, 'events')
  writeFileSync(file, 'old')
  expect(await log.run('-o', file)).toEqual({
    stdout: '',
    stderr: `mcp-sse: There is no room for ${file}; nothing of it is left.\nTry: mcp-sse log export -o <a file on a disk with more room>\n`,
    exitCode: 74,
  })
  expect(readFileSync(file, 'utf8')).toBe('old')
  expect(readdirSync(disk!.path)).toEqual(['events'])
})

test.each(['SIGHUP', 'SIGTERM', 'SIGINT'] as const)(
  'an export to a file that %s interrupts leaves nothing of it',
  async (signal) => {
    using dir = tempDir()
    const log = await openLog(logOptions({ directory: join(dir.path, 'data') }))
    const data = JSON.stringify('x'.repeat(200_000))
    for (let count = 0; count < 20; count++) await log.append(Array.from({ length: 20 }, () => draftOf('a', data)))
    await log.close()
    const out = join(dir.path, 'out')
    mkdirSync(out)
    const child = startCommand(['log', 'export', '-o', 'out/events', '--data-dir', 'data'], {
      cwd: dir.path,
      through: SLOW_DISK,
    })
    await until('the export to be at work', () => readdirSync(out).length > 0)
    child.kill(signal)
    const stderr = await new Response(child.stderr).text()
    expect({ stderr, exitCode: await child.exited }).toMatchObject({
      stderr: expect.stringContaining('nothing of it is left'),
      exitCode: 1,
    })
    expect(readdirSync(out)).toEqual([])
  },
)
