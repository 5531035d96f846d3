import { expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Draft } from '../../../src/core/event.ts'
import type { EventLog } from '../../../src/core/event-log.ts'
import { parseFilter } from '../../../src/core/filter.ts'
import { type BackupOptions, backUp, exportEvents, importEvents, restore } from '../../../src/storage/archive.ts'
import { openLog, openOutlets } from '../../../src/storage/open.ts'
import { draftOf } from '../../support/draft.ts'
import { logOptions } from '../../support/log-options.ts'
import { rejection } from '../../support/settled.ts'
import { tempDir } from '../../support/temp-dir.ts'

const NOW = new Date('2026-11-23T01:15:00.123Z')
const MARKER = 'words-that-were-erased'
const warn = () => {}
const never = new AbortController().signal
const usual = { secrets: ['ticket.key'], eventsOnly: false, replace: false, now: NOW, interrupted: never }

function room() {
  const dir = tempDir()
  const directory = join(dir.path, 'data')
  const to = join(dir.path, 'copy')
  return {
    path: dir.path,
    directory,
    to,
    open: () => openLog(logOptions({ directory })),
    backUp: (more: Partial<BackupOptions> = {}) => backUp({ ...usual, directory, to, ...more }),
    restore: (replace = false, into = directory) =>
      restore({ from: to, directory: into, secrets: ['ticket.key'], replace, now: NOW }),
    [Symbol.dispose]: () => dir[Symbol.dispose](),
  }
}

function drafts(count: number, name = 'a'): Draft[] {
  return Array.from({ length: count }, (_, number) =>
    draftOf(name, JSON.stringify(`${name} ${number} ${'x'.repeat(400)}`)),
  )
}

async function fill(open: () => Promise<EventLog>, ...batches: Draft[][]): Promise<void> {
  const log = await open()
  for (const batch of batches) await log.append(batch)
  await log.close()
}

function dataOf(directory: string): string[] {
  const filter = parseFilter([], [])
  return [...exportEvents({ directory, filter, since: undefined, until: undefined })].flat().map(({ data }) => data)
}

function snapshot(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(directory, name)).isFile(),
  )
  return Object.fromEntries(files.map((name) => [name, Bun.hash(readFileSync(join(directory, name))).toString()]))
}

test('a backup of a log that is written to holds one state, and its directory and files are for the owner only', async () => {
  using at = room()
  const log = await at.open()
  let going = true
  const publishing = (async () => {
    // Twenty requests share a sync of the disk.
    for (let number = 0; going; ) {
      const publish = () => log.append([draftOf('a', String(number)), draftOf('b', String(number++))])
      await Promise.all(Array.from({ length: 20 }, publish))
    }
  })()
  while (log.head < 2_000) await Bun.sleep(1)
  const { cursor, events } = await at.backUp()
  going = false
  await publishing
  await log.close()
  const data = dataOf(at.to)
  expect(data.length).toBe(events)
  expect(events).toBeGreaterThanOrEqual(2_000)
  expect(events % 2).toBe(0)
  expect(Number(cursor.split('.')[1])).toBe(events)
  expect(data).toEqual(Array.from({ length: events }, (_, offset) => String(Math.floor(offset / 2))))
  expect(statSync(at.to).mode & 0o777).toBe(0o700)
  for (const name of readdirSync(at.to)) expect(statSync(join(at.to, name)).mode & 0o777).toBe(0o600)
  expect(readdirSync(at.path).sort()).toEqual(['copy', 'data'])
})

test('an event that was erased is nowhere in a backup', async () => {
  using at = room()
  const log = await at.open()
  await log.append(drafts(300))
  const [receipt] = await log.append([draftOf('secret', JSON.stringify(MARKER.repeat(2_000)))])
  await log.append(drafts(300))
  await at.backUp()
  expect(readFileSync(join(at.to, 'events.db')).includes(MARKER)).toBe(true)
  await log.erase({ offset: receipt!.offset })
  await at.backUp({ replace: true })
  await log.close()
  expect(readFileSync(join(at.to, 'events.db')).includes(MARKER)).toBe(false)
})

test('with webhooks and secrets it has both, and with events only none of them', async () => {
  using at = room()
  await fill(at.open, drafts(3))
  const outlets = await openOutlets({ durability: 'full', directory: at.directory, warn })
  await outlets.put({ id: 'sub_1', definition: '{}', progress: '{}' })
  writeFileSync(join(at.directory, 'ticket.key'), 'k'.repeat(32))
  const all = await at.backUp()
  expect(all.files.map(({ name }) => name)).toEqual(['ticket.key', 'webhooks.db', 'events.db'])
  const only = await at.backUp({ eventsOnly: true, replace: true })
  expect(only.files.map(({ name }) => name)).toEqual(['events.db'])
  expect(readdirSync(at.to).sort()).toEqual(['backup.json', 'events.db'])
  await outlets.close()
})

test('what is in the way of a backup stays, unless it is a backup and is to be replaced', async () => {
  using at = room()
  await fill(at.open, drafts(3))
  await at.backUp()
  expect(await rejection(at.backUp())).toMatchObject({ code: 'invalid-arguments' })
  const other = join(at.path, 'home')
  mkdirSync(other)
  writeFileSync(join(other, 'letter'), 'dear')
  expect(await rejection(at.backUp({ to: other, replace: true }))).toMatchObject({ code: 'invalid-arguments' })
  expect(snapshot(other)).toHaveProperty('letter')
})

test('of two backups that replace one at the same time the last counts, whole, and nothing else is left', async () => {
  using at = room()
  await fill(at.open, drafts(2_000))
  await at.backUp()
  await Promise.all([1, 2, 3].map(() => at.backUp({ replace: true })))
  expect(dataOf(at.to)).toHaveLength(2_000)
  await at.restore(false, join(at.path, 'elsewhere'))
  expect(readdirSync(at.path).sort()).toEqual(['copy', 'data', 'elsewhere'])
})

test('of two backups to a place where nothing is one is made, and the other is refused', async () => {
  using at = room()
  await fill(at.open, drafts(300))
  const ends = await Promise.allSettled([at.backUp(), at.backUp()])
  const refused = ends.filter((end) => end.status === 'rejected')
  expect(refused.map(({ reason }) => reason.code)).toEqual(['invalid-arguments'])
  expect(readdirSync(at.path).sort()).toEqual(['copy', 'data'])
})

test('what a killed backup has left goes with the next one, and what is not of a backup stays, whatever its name', async () => {
  using at = room()
  await fill(at.open, drafts(3))
  const [own, left, home] = ['', '-aaaaaa', '-bbbbbb'].map((end) => `${at.to}.unfinished${end}`) as [
    string,
    string,
    string,
  ]
  for (const path of [own, left, home]) mkdirSync(path, { mode: 0o755 })
  for (const path of [own, home]) writeFileSync(join(path, 'letter'), 'dear')
  for (const name of ['lock', 'unfinished', 'events.db']) writeFileSync(join(left, name), '')
  symlinkSync(home, `${at.to}.unfinished-cccccc`)
  await at.backUp()
  expect(readdirSync(at.path).sort()).toEqual(
    ['copy', 'copy.unfinished', 'copy.unfinished-bbbbbb', 'copy.unfinished-cccccc', 'data'].sort(),
  )
  for (const path of [own, home]) {
    expect(readdirSync(path)).toEqual(['letter'])
    expect(statSync(path).mode & 0o777).toBe(0o755)
  }
})

test('a link where the backup is to be is not replaced, and what it leads to stays', async () => {
  using at = room()
  await fill(at.open, drafts(3))
  await at.backUp()
  const link = join(at.path, 'latest')
  symlinkSync(at.to, link)
  expect(await rejection(at.backUp({ to: link, replace: true }))).toMatchObject({ code: 'invalid-arguments' })
  expect(dataOf(at.to)).toHaveLength(3)
})

test('a backup that is put in place of an earlier one and cut off between two renames leaves the earlier one', async () => {
  using at = room()
  await fill(at.open, drafts(3))
  await at.backUp()
  const aside = `${at.to}.replaced-abcdefgh`
  renameSync(at.to, aside)
  expect(await rejection(at.restore(true))).toMatchObject({
    code: 'not-found',
    message: expect.stringContaining(aside),
  })
  expect(await rejection(at.backUp())).toMatchObject({ code: 'invalid-arguments' })
  expect(dataOf(at.to)).toHaveLength(3)
})

test('an interrupted backup leaves nothing', async () => {
  using at = room()
  await fill(at.open, drafts(3))
  expect(await rejection(at.backUp({ interrupted: AbortSignal.abort() }))).toMatchObject({ code: 'log-closed' })
  expect(readdirSync(at.path)).toEqual(['data'])
})

test.skipIf(process.getuid?.() !== 0)(
  'what root restores or imports belongs to whom the directory belongs to',
  async () => {
    using at = room()
    await fill(at.open, drafts(3))
    await at.backUp()
    // Everybody passes, but for the directories that belong to somebody.
    chmodSync(at.path, 0o755)
    const elsewhere = join(at.path, 'elsewhere')
    for (const name of ['restored', 'imported']) {
      mkdirSync(join(elsewhere, name), { recursive: true })
      chownSync(join(elsewhere, name), 65_534, 65_534)
    }
    await at.restore(false, join(elsewhere, 'restored'))
    const event = { draft: draftOf('a'), own: undefined, line: 1 }
    const batches = (async function* () {
      yield [event]
    })()
    await importEvents({ directory: join(elsewhere, 'imported'), retention: logOptions().retention, now: 1 }, batches)
    for (const name of readdirSync(elsewhere, { recursive: true, encoding: 'utf8' })) {
      expect({ name, uid: statSync(join(elsewhere, name)).uid }).toEqual({ name, uid: 65_534 })
    }
  },
)

test('restored, the log holds what the backup does, old cursors are good and newer ones are unknown', async () => {
  using at = room()
  const before = await at.open()
  const kept = await before.append(drafts(3))
  await at.backUp()
  const lost = await before.append(drafts(3, 'lost'))
  await before.close()
  const { aside } = await at.restore(true)
  expect(aside).toBe(join(at.directory, 'before-restore-20261123T011500.123Z'))
  expect(dataOf(aside!)).toHaveLength(6)
  const log = await at.open()
  expect(log.generations.rows.map(({ firstOffset }) => firstOffset)).toEqual([1, 4])
  for (const { epoch, offset } of kept) expect(log.generations.resolve({ epoch, offset }, log.head)).toBe(offset)
  for (const { epoch, offset } of lost) expect(log.generations.resolve({ epoch, offset }, log.head)).toBeUndefined()
  await log.append(drafts(6, 'again'))
  for (const { epoch, offset } of lost) expect(log.generations.resolve({ epoch, offset }, log.head)).toBeUndefined()
  expect(log.head).toBe(9)
  await log.close()
})

test('a directory that holds a log, or a running hub, is left as it is without --replace, and with it while that runs', async () => {
  using at = room()
  await fill(at.open, drafts(3))
  await at.backUp()
  expect(await rejection(at.restore())).toMatchObject({ code: 'invalid-arguments' })
  const log = await at.open()
  expect(await rejection(at.restore(true))).toMatchObject({ code: 'log-locked' })
  await log.append(drafts(1))
  await log.close()
  expect(dataOf(at.directory)).toHaveLength(4)
})

test.each([
  ['a byte of the events is another one', 'log-corrupt', (to: string) => damage(join(to, 'events.db'))],
  ['a file of it is missing', 'log-corrupt', (to: string) => Bun.file(join(to, 'events.db')).delete()],
  ['its list is cut off', 'log-corrupt', (to: string) => writeFileSync(join(to, 'backup.json'), '{"format":1')],
  [
    'it was made by a newer program',
    'log-newer',
    (to: string) => writeFileSync(join(to, 'backup.json'), '{"format":2}'),
  ],
  ['its list names a file elsewhere', 'log-corrupt', (to: string) => rename(to, '../events.db')],
  ['its list names a file of none of ours', 'log-corrupt', (to: string) => rename(to, 'lock')],
  ['it is no backup', 'not-found', (to: string) => Bun.file(join(to, 'backup.json')).delete()],
])('a backup is refused, and the data directory stays as it was, when %s', async (_, code, spoil) => {
  using at = room()
  await fill(at.open, drafts(300))
  await at.backUp()
  await spoil(at.to)
  const { 'lock.pid': _lock, ...before } = snapshot(at.directory)
  expect(await rejection(at.restore(true))).toMatchObject({ code })
  const { 'lock.pid': _pid, ...after } = snapshot(at.directory)
  expect(after).toEqual(before)
})

function damage(path: string): void {
  const bytes = readFileSync(path)
  const at = bytes.lastIndexOf('xxxx')
  bytes[at] = 0x79
  writeFileSync(path, bytes)
}

function rename(to: string, name: string): void {
  const manifest = JSON.parse(readFileSync(join(to, 'backup.json'), 'utf8'))
  manifest.files[0].name = name
  writeFileSync(join(to, 'backup.json'), JSON.stringify(manifest))
}

test('a restore brings the secrets of the backup and takes away webhooks that it does not have', async () => {
  using at = room()
  await fill(at.open, drafts(3))
  writeFileSync(join(at.directory, 'ticket.key'), 'old'.padEnd(32))
  await at.backUp()
  writeFileSync(join(at.directory, 'ticket.key'), 'new'.padEnd(32))
  await (await openOutlets({ durability: 'full', directory: at.directory, warn })).close()
  const { aside } = await at.restore(true)
  expect(readFileSync(join(at.directory, 'ticket.key'), 'utf8')).toBe('old'.padEnd(32))
  expect(existsSync(join(at.directory, 'webhooks.db'))).toBe(false)
  expect(readFileSync(join(aside!, 'ticket.key'), 'utf8')).toBe('new'.padEnd(32))
  expect(existsSync(join(aside!, 'webhooks.db'))).toBe(true)
})

test('a restore of events only leaves webhooks and secrets where they are', async () => {
  using at = room()
  await fill(at.open, drafts(3))
  await at.backUp({ eventsOnly: true })
  writeFileSync(join(at.directory, 'ticket.key'), 'k'.repeat(32))
  await at.restore(true)
  expect(existsSync(join(at.directory, 'ticket.key'))).toBe(true)
  const elsewhere = join(at.path, 'elsewhere')
  await at.restore(false, elsewhere)
  expect(dataOf(elsewhere)).toHaveLength(3)
})

test('a backup is not restored onto itself', async () => {
  using at = room()
  await fill(at.open, drafts(3))
  await at.backUp()
  const before = snapshot(at.to)
  const onto = restore({ from: at.to, directory: join(at.to, '.'), secrets: [], replace: true, now: NOW })
  expect(await rejection(onto)).toMatchObject({ code: 'invalid-arguments' })
  expect(snapshot(at.to)).toEqual(before)
})

test('what a restore that was cut off has copied goes with the next start of the hub', async () => {
  using at = room()
  await fill(at.open, drafts(3))
  mkdirSync(join(at.directory, 'restore.new'))
  writeFileSync(join(at.directory, 'restore.new', 'ticket.key'), 'secret')
  await fill(at.open)
  expect(existsSync(join(at.directory, 'restore.new'))).toBe(false)
})

test('a restore that fails when it is decided says so, and the next start brings it to its end', async () => {
  using at = room()
  await fill(at.open, drafts(3))
  await at.backUp()
  await fill(at.open, drafts(2))
  const aside = join(at.directory, 'before-restore-20261123T011500.123Z')
  writeFileSync(aside, '')
  expect(await rejection(at.restore(true))).toMatchObject({
    code: 'log-failed',
    message: expect.stringMatching(
      /is decided.* the next start .*The old files will be in .*before-restore-20261123T011500/,
    ),
  })
  await Bun.file(aside).delete()
  await fill(at.open)
  expect(dataOf(at.directory)).toHaveLength(3)
  expect(dataOf(aside)).toHaveLength(5)
})
