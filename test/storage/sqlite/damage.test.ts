import { expect, test } from 'bun:test'
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { HubError } from '../../../src/core/errors.ts'
import { parseFilter } from '../../../src/core/filter.ts'
import { backUp, exportEvents } from '../../../src/storage/archive.ts'
import { openLog } from '../../../src/storage/open.ts'
import { draftOf } from '../../support/draft.ts'
import { type LogChoices, logOptions } from '../../support/log-options.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { rejection } from '../../support/settled.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

const all = parseFilter([], [])

/** A log with a hole in its last third. */
async function damagedLog(choices: LogChoices = {}) {
  const dir = tempDir()
  const options = logOptions({ directory: dir.path, ...choices })
  const log = await openLog(options)
  const data = JSON.stringify('x'.repeat(2_000))
  for (let count = 0; count < 20; count++) await log.append(Array.from({ length: 50 }, () => draftOf('a', data)))
  await log.close()
  const path = join(dir.path, 'events.db')
  const file = openSync(path, 'r+')
  const from = Math.floor(statSync(path).size * 0.8)
  writeSync(file, Buffer.alloc(200_000, 0xa5), 0, 200_000, from - (from % 8_192))
  closeSync(file)
  return { options, path, directory: dir.path, [Symbol.dispose]: () => dir[Symbol.dispose]() }
}

test('a damaged page is a gap for who reads over it: the rest is read, and publishing goes on', async () => {
  const lines: string[] = []
  using damaged = await damagedLog({ warn: (line) => void lines.push(line) })
  const log = await openLog(damaged.options)
  const failures: HubError[] = []
  log.onFailure((error) => void failures.push(error))
  expect((await log.append([draftOf('a', '"after"')]))[0]!.offset).toBe(1_001)
  const offsets: number[] = []
  const gaps: number[][] = []
  // A read gives what it found in a few milliseconds: on a slow machine that is not all.
  for (let position = 0; position < log.head; ) {
    const page = await log.read(position, all, { events: 1_000, bytes: 1 << 24 })
    if (page.lostUpTo > 0) gaps.push([position, page.lostUpTo])
    for (const { offset } of page.events) offsets.push(offset)
    position = page.position
  }
  const [lost] = gaps
  expect(gaps).toEqual([lost!])
  expect(lost![1]! - lost![0]!).toBeWithin(50, 200)
  const before = Array.from({ length: lost![0]! }, (_, index) => index + 1)
  const after = Array.from({ length: 1_001 - lost![1]! }, (_, index) => lost![1]! + index + 1)
  expect(offsets).toEqual([...before, ...after])
  expect(lines).toEqual([
    `The event log is damaged: what lies at the offsets ${lost![0]! + 1} to ${lost![1]} cannot be read. ` +
      'Restore a backup, or export what is whole.',
  ])
  expect(failures).toEqual([])
  await log.close()
})

test('an event on a damaged page is refused to who asks for it by its offset, and nobody else', async () => {
  using damaged = await damagedLog()
  const log = await openLog(damaged.options)
  const refused = new Set<unknown>()
  let found = 0
  for (let offset = 1; offset <= log.head; offset++) {
    await log.at(offset).then(
      () => found++,
      (error) => refused.add(error.code),
    )
  }
  expect(found).toBeWithin(800, 950)
  expect([...refused]).toEqual(['log-corrupt'])
  await log.close()
})

test('erasing what lies on a damaged page is refused, as often as it is asked for, and the log goes on', async () => {
  using damaged = await damagedLog()
  const log = await openLog(damaged.options)
  const failures: HubError[] = []
  log.onFailure((error) => void failures.push(error))
  for (let time = 0; time < 3; time++) {
    expect(await rejection(log.erase({ topic: 'a' }))).toMatchObject({ code: 'log-corrupt' })
  }
  expect((await log.append([draftOf('a', '"after"')]))[0]!.offset).toBe(1_001)
  expect(await log.erase({ offset: 1_001 })).toBe(1)
  expect(failures).toEqual([])
  await log.close()
})

test('retention stops at a damaged page, says so once, and the log goes on', async () => {
  const lines: string[] = []
  const clock = new ManualClock()
  using damaged = await damagedLog({ clock, warn: (line) => void lines.push(line) })
  const log = await openLog(damaged.options)
  clock.pass(2 * 86_400_000)
  await log.append([draftOf('a', '"after"')])
  clock.pass(600_000)
  await until('it to have been said', () => lines.length > 0)
  for (let check = 0; check < 5; check++) {
    clock.pass(15_000)
    await log.probe()
  }
  expect(lines.filter((line) => line.startsWith('Retention'))).toEqual([
    expect.stringMatching(/^Retention did not run: The event log is damaged/),
  ])
  expect(log.oldest).toBeWithin(500, 1_001)
  expect((await log.append([draftOf('a')]))[0]!.offset).toBe(1_002)
  await log.close()
})

test('a backup and an export of a damaged log name its file, and what is whole on both sides of the damage is exported', async () => {
  using damaged = await damagedLog()
  const { directory, path } = damaged
  const sentence = { code: 'log-corrupt', message: expect.stringContaining(`${path} is damaged`) }
  const copied = backUp({
    directory,
    to: join(directory, 'copy'),
    secrets: [],
    eventsOnly: false,
    replace: false,
    now: new Date(),
    interrupted: new AbortController().signal,
  })
  expect(await rejection(copied)).toMatchObject(sentence)
  let events = 0
  const exported = () => {
    const portions = exportEvents({ directory, filter: all, since: undefined, until: undefined })
    for (const portion of portions) events += portion.length
  }
  expect(exported).toThrow(expect.objectContaining(sentence))
  expect(events).toBeWithin(800, 950)
})

test('a log whose file is removed fails within 15 s: what it took until then would be gone with the process', async () => {
  using dir = tempDir()
  const clock = new ManualClock()
  const directory = join(dir.path, 'data')
  const log = await openLog(logOptions({ directory, clock }))
  const failures: HubError[] = []
  log.onFailure((error) => void failures.push(error))
  await log.append([draftOf('a')])
  clock.pass(15_000)
  await log.trim()
  expect(failures).toEqual([])
  rmSync(directory, { recursive: true })
  await log.append([draftOf('a')])
  clock.pass(15_000)
  await until('the log to have failed', () => failures.length > 0)
  expect(failures.map(({ code, message }) => [code, message])).toEqual([
    ['log-failed', expect.stringMatching(/^events\.db was removed or moved while the hub runs/)],
  ])
  expect(await rejection(log.append([draftOf('a')]))).toMatchObject({ code: 'log-failed' })
  await log.close()
})
