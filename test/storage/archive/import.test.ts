import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Draft, StoredEvent } from '../../../src/core/event.ts'
import { parseFilter } from '../../../src/core/filter.ts'
import { oneLine } from '../../../src/core/one-line.ts'
import { type ExportEnd, exportEvents, type ImportedEvent, importEvents } from '../../../src/storage/archive.ts'
import { openLog } from '../../../src/storage/open.ts'
import { draftOf } from '../../support/draft.ts'
import { logOptions } from '../../support/log-options.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { rejection, settled } from '../../support/settled.ts'
import { canMount, smallDisk } from '../../support/small-disk.ts'
import { tempDir } from '../../support/temp-dir.ts'

const { retention } = logOptions()
const LATER = 2_000_000_000_000

function imported(draft: Draft, index: number, own?: ImportedEvent['own']): ImportedEvent {
  return { draft, own, line: index + 1 }
}

async function* batches(...all: (readonly ImportedEvent[])[]) {
  yield* all
}

function take(directory: string, drafts: readonly Draft[], more: Partial<Parameters<typeof importEvents>[0]> = {}) {
  const events = drafts.map((draft, index) => imported(draft, index))
  return importEvents({ directory, retention, now: LATER, ...more }, batches(events))
}

function exported(directory: string, patterns: string[] = [], since?: ExportEnd, until?: ExportEnd): StoredEvent[] {
  return [...exportEvents({ directory, filter: parseFilter(patterns, []), since, until })].flat()
}

async function filled(directory: string, drafts: readonly Draft[]): Promise<void> {
  const log = await openLog(logOptions({ directory }))
  await log.append(drafts)
  await log.close()
}

test('imported events come after what is there, in a generation of their own, received now, with their ids and times', async () => {
  using dir = tempDir()
  await filled(dir.path, [draftOf('a', '1')])
  const time = '2020-01-01T00:00:00Z'
  const result = await take(dir.path, [draftOf('b', '2', { id: 'x', time }), draftOf('a', '3')])
  expect(result).toMatchObject({ events: 2, duplicates: 0, beyond: 0 })
  const [old, first, second] = exported(dir.path)
  expect(first).toMatchObject({ offset: 2, topic: 'b', id: 'x', time, received: LATER })
  expect(second).toMatchObject({ offset: 3, topic: 'a', id: null })
  expect(first!.epoch).not.toBe(old!.epoch)
  expect(result.cursor).toBe(`${second!.epoch}.3`)
})

test('a hub that opens the log afterwards has it all, and goes on after it', async () => {
  using dir = tempDir()
  await take(dir.path, [draftOf('a', '1'), draftOf('a', '2')])
  const log = await openLog(logOptions({ directory: dir.path, clock: new ManualClock() }))
  const [receipt] = await log.append([draftOf('a', '3')])
  // The receipt time never goes back, also where a clock does.
  expect(receipt).toMatchObject({ offset: 3, received: LATER })
  expect((await log.topics(parseFilter([], []), undefined, 10)).topics).toMatchObject([{ topic: 'a', events: 3 }])
  await log.close()
})

test('a refused line imports nothing, however many came before it', async () => {
  using dir = tempDir()
  await filled(dir.path, [draftOf('a', '"other"', { id: '7' })])
  const many = Array.from({ length: 30_000 }, (_, index) => draftOf('a', String(index)))
  const last = imported(draftOf('a', '"mine"', { id: '7' }), 30_000)
  expect(
    await rejection(
      importEvents(
        { directory: dir.path, retention, now: LATER },
        batches(
          many.map((draft, n) => imported(draft, n)),
          [last],
        ),
      ),
    ),
  ).toMatchObject({ code: 'id-conflict', message: expect.stringMatching(/^Line 30001: /) })
  expect(exported(dir.path).map(({ data }) => data)).toEqual(['"other"'])
  expect(indexes(dir.path)).toContain('events_by_topic')
})

test('what the source of the lines throws ends the import with nothing', async () => {
  using dir = tempDir()
  const broken = async function* () {
    yield [imported(draftOf('a'), 0)]
    throw new Error('no more')
  }
  expect(await settled(importEvents({ directory: dir.path, retention, now: LATER }, broken()))).toThrow('no more')
  expect(exported(dir.path)).toEqual([])
})

test('an id that is there already is left out and counted, in the log and in the file', async () => {
  using dir = tempDir()
  const named = draftOf('a', '1', { id: 'x' })
  await filled(dir.path, [named])
  const result = await take(dir.path, [named, draftOf('b', '1', { id: 'x' }), draftOf('b', '1', { id: 'x' })])
  expect(result).toMatchObject({ events: 1, duplicates: 2 })
  expect(exported(dir.path).map(({ topic }) => topic)).toEqual(['a', 'b'])
})

test('events that come back to the log which still has them are left out, and those it lost are not', async () => {
  using dir = tempDir()
  await filled(dir.path, [draftOf('a', '1'), draftOf('a', '2')])
  const [first, second] = exported(dir.path)
  const { epoch } = first!
  const result = await importEvents(
    { directory: dir.path, retention, now: LATER },
    batches([
      imported(first!, 0, { epoch, offset: 1 }),
      imported(second!, 1, { epoch, offset: 2 }),
      imported(draftOf('a', '3'), 2, { epoch, offset: 3 }),
      // Another log's event of the same number, and another content.
      imported(draftOf('a', '1'), 3, { epoch: 'zzz', offset: 1 }),
      imported(draftOf('a', '9'), 4, { epoch, offset: 1 }),
    ]),
  )
  expect(result).toMatchObject({ events: 3, duplicates: 2 })
})

test('JSON that was published with line breaks is the same when it comes back on one line, with an id of its own or one of the hub', async () => {
  using dir = tempDir()
  const pretty = ['{\n  "a": 1\r\n}', '[1,\n\n2]']
  await filled(dir.path, [...pretty.map((data) => draftOf('a', data)), draftOf('a', pretty[0]!, { id: 'x' })])
  const lines = exported(dir.path).map(({ offset, epoch, ...event }, index) =>
    imported({ ...event, data: oneLine(event.data) }, index, event.id === null ? { epoch, offset } : undefined),
  )
  const again = () => importEvents({ directory: dir.path, retention, now: LATER }, batches(lines))
  expect(await again()).toMatchObject({ events: 0, duplicates: 3 })
  expect(exported(dir.path).map(({ data }) => data)).toEqual([...pretty, pretty[0]!])
})

test('text with a line break is another text than with a space', async () => {
  using dir = tempDir()
  await filled(dir.path, [draftOf('a', 'x\ny', { isText: true, id: 'x' }), draftOf('a', 'x\ny', { isText: true })])
  const { epoch } = exported(dir.path)[0]!
  expect(await rejection(take(dir.path, [draftOf('a', 'x y', { isText: true, id: 'x' })]))).toMatchObject({
    code: 'id-conflict',
  })
  const own = imported(draftOf('a', 'x y', { isText: true }), 0, { epoch, offset: 2 })
  expect(await importEvents({ directory: dir.path, retention, now: LATER }, batches([own]))).toMatchObject({
    events: 1,
  })
})

test.skipIf(!canMount())(
  'where the log has room once and not twice, what was imported is there, and said to be',
  async () => {
    using disk = smallDisk()
    const directory = join(disk!.path, 'data')
    const data = JSON.stringify('x'.repeat(1_000))
    const drafts = Array.from({ length: 1_500 }, () => draftOf('a', data))
    const { events, warnings } = await take(directory, drafts)
    expect({ events, warnings }).toEqual({
      events: 1_500,
      warnings: [expect.stringMatching(/^The events are in events.db-wal, .* \(database or disk is full\)\.$/)],
    })
    expect(statSync(join(directory, 'events.db-wal')).size).toBeGreaterThan(1_500_000)
    expect(exported(directory)).toHaveLength(1_500)
  },
)

test('many events are found by their topic, and a larger log than retention allows is said', async () => {
  using dir = tempDir()
  const drafts = Array.from({ length: 25_000 }, (_, index) => draftOf(`t/${index % 50}`, String(index)))
  const limits = { ...retention, maxEvents: 24_000 }
  expect(await take(dir.path, drafts, { retention: limits })).toMatchObject({ events: 25_000, beyond: 1_000 })
  expect(indexes(dir.path)).toContain('events_by_topic')
  expect(exported(dir.path, ['t/7'])).toHaveLength(500)
})

test('a running hub keeps an import out, and its log as it is', async () => {
  using dir = tempDir()
  const log = await openLog(logOptions({ directory: dir.path }))
  expect(await rejection(take(dir.path, [draftOf('a')]))).toMatchObject({ code: 'log-locked' })
  await log.close()
})

test('an export takes patterns, and places by cursor and by receipt time', async () => {
  using dir = tempDir()
  const clock = new ManualClock(1_000)
  const log = await openLog(logOptions({ directory: dir.path, clock }))
  for (const number of [1, 2, 3, 4, 5]) {
    await log.append([draftOf(number % 2 === 0 ? 'even/x' : 'odd', String(number))])
    clock.pass(1_000)
  }
  const { current } = log.generations
  const data = (...asked: [string[], ExportEnd?, ExportEnd?]) => exported(dir.path, ...asked).map((event) => event.data)
  expect(data([])).toEqual(['1', '2', '3', '4', '5'])
  expect(data(['even/**'])).toEqual(['2', '4'])
  expect(data(['odd'])).toEqual(['1', '3', '5'])
  expect(data([], { cursor: `${current}.2` }, { cursor: `${current}.4` })).toEqual(['3', '4'])
  expect(data([], { time: 2_000 }, { time: 4_000 })).toEqual(['2', '3'])
  expect(data([], { time: 9_000 })).toEqual([])
  expect(() => data([], { cursor: 'zzz.1' })).toThrow(expect.objectContaining({ code: 'not-found' }))
  await log.close()
})

test('an export ends with the newest event there was when it began, and holds up no checkpoint meanwhile', async () => {
  using dir = tempDir()
  const log = await openLog(logOptions({ directory: dir.path }))
  for (let round = 0; round < 3; round++) {
    await log.append(
      Array.from({ length: 1_000 }, (_, index) => draftOf('a', JSON.stringify(`${index}${'x'.repeat(1_000)}`))),
    )
  }
  const going = exportEvents({ directory: dir.path, filter: parseFilter([], []), since: undefined, until: undefined })
  let taken = going.next().value!.length
  await log.append([draftOf('a')])
  // Emptying the -wal file is refused while another connection is in a transaction.
  expect(await log.erase({ offset: 3_001 })).toBe(1)
  await log.append([draftOf('a')])
  for (const events of going) taken += events.length
  expect(taken).toBe(3_000)
  await log.close()
})

test('where there is no log there is nothing to export, and nothing is made', () => {
  using dir = tempDir()
  expect(() => exported(join(dir.path, 'data'))).toThrow(expect.objectContaining({ code: 'not-found' }))
  expect(existsSync(join(dir.path, 'data'))).toBe(false)
})

function indexes(directory: string): unknown[] {
  using database = new Database(join(directory, 'events.db'), { readonly: true })
  return database.query("SELECT name FROM sqlite_schema WHERE type = 'index'").values().flat()
}
