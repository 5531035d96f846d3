import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { HubError } from '../../../src/core/errors.ts'
import type { EventLog } from '../../../src/core/event-log.ts'
import { parseFilter } from '../../../src/core/filter.ts'
import { openLog } from '../../../src/storage/open.ts'
import { draftOf } from '../../support/draft.ts'
import { logOptions } from '../../support/log-options.ts'
import { appendingProcess } from '../../support/log-process.ts'
import { canMount, smallDisk } from '../../support/small-disk.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

const everything = parseFilter([], [])
const roomy = { events: 1_000, bytes: 1 << 20 }

describe('group commit', () => {
  test('requests that come at once share few transactions', async () => {
    using directory = tempDir()
    const log = await openLog(logOptions({ directory: directory.path }))
    let commits = 0
    log.onCommit(() => void commits++)
    await Promise.all(Array.from({ length: 500 }, () => log.append([draftOf('a')])))
    expect(log.head).toBe(500)
    expect(commits).toBeLessThan(10)
    await log.close()
  })

  test('a transaction takes at most 1,000 events or 8 MiB, and never a part of a request', async () => {
    using directory = tempDir()
    const log = await openLog(logOptions({ directory: directory.path }))
    const sizes: number[] = []
    log.onCommit((commit) => void sizes.push(commit.events.length))
    await Promise.all(
      [600, 300, 200, 900, 1_000].map((size) => log.append(Array.from({ length: size }, () => draftOf('a')))),
    )
    expect(sizes).toEqual([900, 200, 900, 1_000])
    sizes.length = 0
    const megabyte = draftOf('a', 'x'.repeat(1 << 20))
    await Promise.all([3, 4, 2, 7].map((size) => log.append(Array(size).fill(megabyte))))
    expect(sizes).toEqual([7, 2, 7])
    await log.close()
  })
})

test('the text of erased events is in none of the files, and neither is an erased topic’s name', async () => {
  using directory = tempDir()
  const log = await openLog(logOptions({ directory: directory.path }))
  const secret = (name: string) => `secret-${name}-${'s'.repeat(300)}`
  for (let index = 0; index < 300; index++) {
    await log.append([
      draftOf(`t/${index}`),
      draftOf('hidden-topic', secret(`topic-${index}`), { id: `hidden-id-${index}` }),
      draftOf('kept', secret(`kept-${index}`)),
    ])
  }
  const offset = (await log.append([draftOf('kept', secret('one') + 'x'.repeat(50_000))]))[0]!.offset
  expect(occurrences(directory.path, 'secret-one')).toBeGreaterThan(0)
  expect(occurrences(directory.path, 'hidden-')).toBeGreaterThan(0)
  expect(await log.erase({ offset })).toBe(1)
  expect(await log.erase({ topic: 'hidden-topic' })).toBe(300)
  for (const text of ['secret-one', 'secret-topic', 'hidden-topic', 'hidden-id']) {
    expect([text, occurrences(directory.path, text)]).toEqual([text, 0])
  }
  // A read gives what it found in a few milliseconds: on a slow machine that is not all.
  let kept = 0
  for (let after = 0; after < log.head; ) {
    const page = await log.read(after, parseFilter(['kept'], []), { events: 1_000, bytes: 1 << 22 })
    kept += page.events.length
    after = page.position
  }
  expect(kept).toBe(300)
  await log.close()
})

test.each([
  ['another erase of it', (log: EventLog, offset: number) => log.erase({ offset })],
  ['the next trim', (log: EventLog) => log.trim()],
])('an outside reader holds up neither publishing nor, once it has ended, what %s overwrites', async (_, again) => {
  using directory = tempDir()
  const log = await openLog(logOptions({ directory: directory.path }))
  const [receipt] = await log.append([draftOf('a', 'secret-text')])
  const outside = new Database(join(directory.path, 'events.db'), { readonly: true })
  outside.run('BEGIN')
  outside.query('SELECT count(*) FROM events').get()
  // The erase gives up after a second: on a slow machine that may be before the event is on its way.
  await until('an event that is published while the erase waits', async () => {
    let waiting = true
    const begun = performance.now()
    const refused = log
      .erase({ offset: receipt!.offset })
      .then(() => 'erased')
      .catch((error: HubError) => error.code)
      .finally(() => {
        waiting = false
      })
    await log.append([draftOf('a')])
    const published = waiting
    expect(await refused).toBe('overloaded')
    // Twenty tries that each hold up publishing for the time a commit waits for a lock take 100 s.
    expect(performance.now() - begun).toBeLessThan(15_000)
    return published
  })
  expect(occurrences(directory.path, 'secret-text')).toBeGreaterThan(0)
  outside.run('COMMIT')
  outside.close()
  await again(log, receipt!.offset)
  expect(occurrences(directory.path, 'secret-text')).toBe(0)
  await log.close()
})

test('another program that holds the write lock refuses a commit, which leaves the log as it was', async () => {
  using directory = tempDir()
  const warnings: string[] = []
  const warn = (message: string) => void warnings.push(message)
  const log = await openLog(logOptions({ directory: directory.path, warn }))
  await log.append([draftOf('a')])
  const outside = new Database(join(directory.path, 'events.db'))
  // The writer may still be busy with what it does after a commit.
  outside.run('PRAGMA busy_timeout = 30000')
  outside.run('BEGIN IMMEDIATE')
  const refused = await log.append([draftOf('b')]).then(String, (error: HubError) => error.code)
  outside.run('ROLLBACK')
  outside.close()
  expect([refused, log.head, warnings.length]).toEqual(['overloaded', 1, 1])
  expect((await log.append([draftOf('b')]))[0]!.offset).toBe(2)
  await log.close()
}, 120_000)

test('pages that went bad under a running log are lost to its readers, and it goes on', async () => {
  using directory = tempDir()
  const path = join(directory.path, 'events.db')
  const log = await openLog(logOptions({ directory: directory.path }))
  for (let round = 0; round < 20; round++) {
    await log.append(Array.from({ length: 500 }, () => draftOf('a', `"${'x'.repeat(500)}"`)))
  }
  // Erasing empties the WAL: reads then go to the file, whose pages the reader has not seen yet.
  await log.erase({ offset: 5_000 })
  const failures: string[] = []
  log.onFailure((error) => void failures.push(error.code))
  const file = openSync(path, 'r+')
  const size = statSync(path).size
  const from = 8_192 * 20
  writeSync(file, Buffer.alloc(size - from, 0xff), 0, size - from, from)
  closeSync(file)
  const code = (promise: Promise<unknown>) => promise.then(String).catch((error: HubError) => error.code)
  expect(await code(log.at(5_001))).toBe('log-corrupt')
  expect(failures).toEqual([])
  const lost = await log.read(1_000, everything, roomy)
  expect([lost.events, lost.position, lost.lostUpTo]).toEqual([[], 10_000, 10_000])
  expect((await log.append([draftOf('a')]))[0]!.offset).toBe(10_001)
  expect((await log.read(10_000, everything, roomy)).events.map(({ offset }) => offset)).toEqual([10_001])
  expect(failures).toEqual([])
  await log.close().catch(() => {})
})

test('with retention at work the file stops growing', async () => {
  using directory = tempDir()
  const log = await openLog(logOptions({ directory: directory.path, retention: { maxEvents: 2_000 } }))
  const sizes: number[] = []
  for (let round = 0; round < 30; round++) {
    await log.append(Array.from({ length: 1_000 }, () => draftOf('a', `"${'x'.repeat(200)}"`)))
    await log.trim()
    sizes.push(statSync(join(directory.path, 'events.db')).size)
  }
  await log.close()
  expect(sizes.at(-1)!).toBeLessThan(6_000 * 250)
  expect(log.oldest).toBe(28_001)
})

test('an I/O error fails the log once, and everything that waits and comes after', async () => {
  using directory = tempDir()
  const child = appendingProcess(directory.path, 512)
  await child.ended()
  const end = child.lines.slice(-3)
  expect(end).toEqual(['failure log-failed', 'ended log-failed log-failed log-failed log-failed', 'closed'])
  const acknowledged = child.lines.filter((line) => /^[0-9]/.test(line)).length
  expect(acknowledged).toBeGreaterThan(50)
  const log = await openLog(logOptions({ directory: directory.path }))
  expect(log.head).toBeGreaterThanOrEqual(acknowledged)
  await log.close()
}, 120_000)

test.skipIf(!canMount())(
  'a full disk refuses what does not fit, keeps what was stored, and takes more when there is room',
  async () => {
    using disk = smallDisk()!
    const ballast = join(disk.path, 'ballast')
    writeFileSync(ballast, 'x'.repeat(1 << 20))
    const failures: HubError[] = []
    const log = await openLog(logOptions({ directory: disk.path }))
    log.onFailure((error) => failures.push(error))
    let stored = 0
    let refused: HubError | undefined
    while (!refused && stored < 100_000) {
      const drafts = Array.from({ length: 20 }, () => draftOf('a', `"${'x'.repeat(1_000)}"`))
      const receipts = await log.append(drafts).catch((error: HubError) => {
        refused = error
        return []
      })
      stored += receipts.length
    }
    expect(refused?.code).toBe('disk-full')
    expect(stored).toBeGreaterThan(100)
    expect(log.head).toBe(stored)
    expect(await log.at(stored)).toBeDefined()
    rmSync(ballast)
    expect((await log.append([draftOf('b', 'fits')]))[0]!.offset).toBe(stored + 1)
    expect((await log.read(stored, everything, roomy)).events.map((event) => event.data)).toEqual(['fits'])
    expect(failures).toEqual([])
    await log.close()
  },
)

function occurrences(directory: string, text: string): number {
  let count = 0
  for (const file of readdirSync(directory)) {
    const bytes = readFileSync(join(directory, file))
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) count++
  }
  return count
}
