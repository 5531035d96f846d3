import { expect, test } from 'bun:test'
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { HubError } from '../../../src/core/errors.ts'
import { parseFilter } from '../../../src/core/filter.ts'
import { backUp, exportEvents } from '../../../src/storage/archive.ts'
import { openLog } from '../../../src/storage/open.ts'
import { draftOf } from '../../support/draft.ts'
import { logOptions } from '../../support/log-options.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { rejection } from '../../support/settled.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

/** A log with a hole in its last third. */
async function damagedLog() {
  const dir = tempDir()
  const options = logOptions({ directory: dir.path })
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

test('a page that was damaged on the disk fails the log with what mends it, which no start does', async () => {
  using damaged = await damagedLog()
  const log = await openLog(damaged.options)
  const failures: HubError[] = []
  log.onFailure((error) => void failures.push(error))
  // A read gives what it found in a few milliseconds: on a slow machine that is not all.
  const everything = async () => {
    for (let after = 0; after < log.head; ) {
      after = (await log.read(after, parseFilter([], []), { events: 1_000, bytes: 1 << 24 })).position
    }
  }
  const error = (await rejection(everything())) as HubError
  expect([error.code, error.message]).toEqual([
    'log-failed',
    expect.stringMatching(/^The event log is damaged \(.+\)\. Starting again does not mend it: restore a backup/),
  ])
  expect(failures.map(({ code }) => code)).toEqual(['log-failed'])
  await log.close()
})

test('a backup and an export of a damaged log name its file, and what is whole before the damage is exported', async () => {
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
    const portions = exportEvents({ directory, filter: parseFilter([], []), since: undefined, until: undefined })
    for (const portion of portions) events += portion.length
  }
  expect(exported).toThrow(expect.objectContaining(sentence))
  expect(events).toBeGreaterThan(100)
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
