import { expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { SECRET_FILES } from '../../../src/cli/log/data-directory.ts'
import { parseFilter } from '../../../src/core/filter.ts'
import { finishRestore, MEMBERS } from '../../../src/storage/archive/pending-restore.ts'
import { backUp, exportEvents, importEvents, restore } from '../../../src/storage/archive.ts'
import { openLog } from '../../../src/storage/open.ts'
import { draftOf } from '../../support/draft.ts'
import { logOptions } from '../../support/log-options.ts'
import { rejection } from '../../support/settled.ts'
import { tempDir } from '../../support/temp-dir.ts'

/** The user of a hub plants files in its own data directory, and waits for root. */

const SERVICE = 65_534
const NOW = new Date('2026-11-23T01:15:00.123Z')
const secrets = ['ticket.key']
const isRoot = process.getuid?.() === 0

async function room() {
  const dir = tempDir()
  chmodSync(dir.path, 0o755)
  const directory = join(dir.path, 'data')
  const log = await openLog(logOptions({ directory }))
  await log.append([draftOf('a')])
  await log.close()
  for (const path of [directory, ...readdirSync(directory).map((name) => join(directory, name))])
    chownSync(path, SERVICE, SERVICE)
  const treasure = join(dir.path, 'treasure')
  writeFileSync(treasure, 'of root', { mode: 0o600 })
  const [at, to] = [join(directory), join(dir.path, 'copy')]
  return {
    path: dir.path,
    at,
    to,
    treasure,
    plant: (name: string) => symlinkSync(treasure, join(at, name)),
    backUp: (where = to) =>
      backUp({
        ...{ directory, to: where, secrets, eventsOnly: false, replace: false, now: NOW },
        interrupted: new AbortController().signal,
      }),
    export: () => [...exportEvents({ directory, filter: parseFilter([], []), since: undefined, until: undefined })],
    restore: (from = to) => restore({ from, directory, secrets, replace: true, now: NOW }),
    import: () => {
      const batches = (async function* () {
        yield [{ draft: draftOf('b'), own: undefined, line: 1 }]
      })()
      return importEvents({ directory, retention: logOptions().retention, now: 1 }, batches)
    },
    [Symbol.dispose]: () => dir[Symbol.dispose](),
  }
}

function untouched(treasure: string): void {
  expect(readFileSync(treasure, 'utf8')).toBe('of root')
  expect(lstatSync(treasure)).toMatchObject({ uid: 0 })
}

test.skipIf(!isRoot).each(['lock.pid', 'lock', 'events.db-wal', 'events.db-journal', 'restore.new', 'restore.ready'])(
  'root writes to no file that %s leads to, and gives none away',
  async (name) => {
    using hub = await room()
    await hub.backUp()
    if (existsSync(join(hub.at, name))) unlinkSync(join(hub.at, name))
    hub.plant(name)
    await hub.restore().catch(() => {})
    untouched(hub.treasure)
    await hub.import().catch(() => {})
    untouched(hub.treasure)
    await hub.backUp(join(hub.path, 'another')).catch(() => {})
    untouched(hub.treasure)
    expect(process.geteuid?.()).toBe(0)
  },
)

test.skipIf(!isRoot)('a secret of root does not get into a backup, nor out of one, by a link', async () => {
  using hub = await room()
  hub.plant('ticket.key')
  expect(await rejection(hub.backUp())).toMatchObject({ code: expect.stringMatching(/^log-/) })
  expect(existsSync(hub.to)).toBe(false)
  unlinkSync(join(hub.at, 'ticket.key'))
  writeFileSync(join(hub.at, 'ticket.key'), 'k'.repeat(32))
  chownSync(join(hub.at, 'ticket.key'), SERVICE, SERVICE)
  await hub.backUp()
  unlinkSync(join(hub.to, 'ticket.key'))
  symlinkSync(hub.treasure, join(hub.to, 'ticket.key'))
  expect(await rejection(hub.restore())).toMatchObject({ code: 'log-corrupt' })
})

test.skipIf(!isRoot)(
  'what root restores and imports belongs to the user of the hub from its first byte on',
  async () => {
    using hub = await room()
    await hub.backUp()
    expect(statSync(hub.to).uid).toBe(0)
    const owners = new Set<number>()
    await hub.restore()
    const batches = (async function* () {
      for (let line = 1; line <= 3; line++) {
        yield [{ draft: draftOf('b'), own: undefined, line }]
        for (const name of readdirSync(hub.at)) owners.add(lstatSync(join(hub.at, name)).uid)
      }
    })()
    await importEvents({ directory: hub.at, retention: logOptions().retention, now: 1 }, batches)
    expect([...owners]).toEqual([SERVICE])
    expect([process.geteuid?.(), process.getegid?.()]).toEqual([0, 0])
  },
)

test.skipIf(!isRoot)('root makes no backup where the user of the hub, or everybody, may change it', async () => {
  using hub = await room()
  expect(await rejection(hub.backUp(join(hub.at, 'copy')))).toMatchObject({ code: 'log-unwritable' })
  const open = join(hub.path, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  expect(await rejection(hub.backUp(join(open, 'copy')))).toMatchObject({ code: 'log-unwritable' })
  expect(readdirSync(open)).toEqual([])
  chmodSync(open, 0o1777)
  await hub.backUp(join(open, 'copy'))
})

test.each([
  ['moves something away', { aside: 'before-restore-1', replaces: ['letter'], brings: [] }],
  ['brings something from elsewhere', { aside: 'before-restore-1', replaces: [], brings: ['../letter'] }],
  ['puts it anywhere', { aside: '../stolen', replaces: ['events.db'], brings: [] }],
  ['puts it nowhere', { aside: 'before-restore-..', replaces: 'events.db', brings: [] }],
  ['is none', null],
])('a plan that %s is not carried out, and nothing is moved', (_, plan) => {
  using dir = tempDir()
  const at = join(dir.path, 'data')
  mkdirSync(join(at, 'restore.ready'), { recursive: true })
  for (const name of ['events.db', 'letter', '../letter']) writeFileSync(join(at, name), name)
  writeFileSync(join(at, 'restore.ready', 'plan.json'), JSON.stringify(plan))
  expect(() => finishRestore(at)).toThrow('nothing was moved')
  expect(readdirSync(at).sort()).toEqual(['events.db', 'letter', 'restore.ready'])
  expect(readdirSync(dir.path).sort()).toEqual(['data', 'letter'])
})

test('every secret that a backup holds is one that a restore may move', () => {
  expect(SECRET_FILES.filter((name) => !MEMBERS.includes(name))).toEqual([])
})

test('a FIFO in place of the log holds nobody up', async () => {
  using hub = await room()
  const events = join(hub.at, 'events.db')
  for (const companion of ['', '-wal', '-shm']) rmSync(`${events}${companion}`, { force: true })
  expect(Bun.spawnSync(['mkfifo', events]).exitCode).toBe(0)
  if (isRoot) chownSync(events, SERVICE, SERVICE)
  expect(await rejection(hub.backUp())).toMatchObject({ code: 'log-corrupt' })
  expect(await rejection(hub.import())).toMatchObject({ code: 'log-corrupt' })
  expect(() => hub.export()).toThrow(expect.objectContaining({ code: 'log-corrupt' }))
})

test.skipIf(!isRoot)('root exports no log of its own through a link that the service put there', async () => {
  using hub = await room()
  const [own, planted] = [join(hub.path, 'own.db'), join(hub.at, 'events.db')]
  renameSync(planted, own)
  chownSync(own, 0, 0)
  symlinkSync(own, planted)
  lchownSync(planted, SERVICE, SERVICE)
  expect(() => hub.export()).toThrow(expect.objectContaining({ code: 'log-unwritable' }))
})

test.skipIf(!isRoot)('a backup is restored out of a directory that may be entered and not listed', async () => {
  using hub = await room()
  await hub.backUp()
  const copy = join(hub.path, 'unlisted/copy')
  mkdirSync(dirname(copy), { mode: 0o711 })
  renameSync(hub.to, copy)
  for (const path of [copy, ...readdirSync(copy).map((name) => join(copy, name))]) chownSync(path, SERVICE, SERVICE)
  process.seteuid!(SERVICE)
  try {
    expect((await hub.restore(copy)).manifest.events).toBe(1)
  } finally {
    process.seteuid!(0)
  }
})
