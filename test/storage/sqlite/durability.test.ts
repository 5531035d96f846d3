import { describe, expect, test } from 'bun:test'
import { cpSync } from 'node:fs'
import { parseCursor } from '../../../src/core/cursor.ts'
import { parseFilter } from '../../../src/core/filter.ts'
import { openLog } from '../../../src/storage/open.ts'
import { draftOf } from '../../support/draft.ts'
import { logOptions } from '../../support/log-options.ts'
import { appendingProcess } from '../../support/log-process.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

const everything = parseFilter([], [])
const roomy = { events: 1_000, bytes: 1 << 20 }

describe('a log that was closed and opened again', () => {
  test('has its events, counts, ids, horizons and receipt times', async () => {
    using directory = tempDir()
    const clock = new ManualClock(50_000)
    const options = logOptions({ directory: directory.path, clock, retention: { maxEvents: 3 } })
    const first = await openLog(options)
    await first.append([1, 2, 3, 4, 5].map((n) => draftOf(`t/${n % 2}`, `${n}`, { id: `id${n}` })))
    await first.trim()
    const before = await state(first)
    await first.close()
    clock.set(40_000)
    const second = await openLog(options)
    expect(await state(second)).toEqual(before)
    const [receipt] = await second.append([draftOf('t/1', '5', { id: 'id5' })])
    expect(receipt).toMatchObject({ offset: 5, duplicate: true, epoch: first.generations.current })
    const [next] = await second.append([draftOf('t/1', '6')])
    expect(next).toMatchObject({ offset: 6, received: 50_000 })
    await second.close()
  })

  test('never uses an offset again, even when nothing is left of it', async () => {
    using directory = tempDir()
    const options = logOptions({ directory: directory.path })
    const first = await openLog(options)
    await first.append([draftOf('a'), draftOf('a')])
    await first.erase({ topic: 'a' })
    await first.close()
    const second = await openLog(options)
    expect([second.head, second.oldest]).toEqual([2, 3])
    expect((await second.append([draftOf('a')]))[0]!.offset).toBe(3)
    await second.close()
  })

  test('never uses an offset again, even when retention took all of it', async () => {
    using directory = tempDir()
    const options = logOptions({ directory: directory.path, retention: { maxEvents: 0 } })
    const first = await openLog(options)
    await first.append([draftOf('a'), draftOf('a')])
    await first.trim()
    await first.close()
    const second = await openLog(options)
    expect([second.head, second.oldest, second.horizon(everything).offset]).toEqual([2, 3, 2])
    await second.close()
  })

  test('begins a generation with its first event and not before; old cursors stay good', async () => {
    using directory = tempDir()
    const options = logOptions({ directory: directory.path })
    const epochs: string[] = []
    for (let run = 0; run < 3; run++) {
      const log = await openLog(options)
      const opened = log.generations.rows.length
      await log.append([draftOf('a'), draftOf('a')])
      epochs.push(log.generations.current)
      expect(log.generations.rows.length).toBe(run === 0 ? opened : opened + 1)
      for (const [index, epoch] of epochs.entries()) {
        expect(log.generations.resolve({ epoch, offset: index * 2 + 1 }, log.head)).toBe(index * 2 + 1)
        expect(log.generations.resolve({ epoch, offset: index * 2 + 3 }, log.head)).toBeUndefined()
      }
      expect((await log.read(0, everything, roomy)).events.map((event) => event.epoch)).toEqual(
        epochs.flatMap((epoch) => [epoch, epoch]),
      )
      await log.close()
    }
    expect(new Set(epochs).size).toBe(3)
    const idle = await openLog(options)
    await idle.close()
    const last = await openLog(options)
    expect(last.generations.rows.length).toBe(3)
    await last.close()
  })

  test('in an older copy does not know cursors that were issued after the copy was made', async () => {
    using directory = tempDir()
    using copy = tempDir()
    const original = await openLog(logOptions({ directory: directory.path }))
    await original.append([draftOf('a', '1')])
    cpSync(directory.path, copy.path, { recursive: true })
    await original.append([draftOf('a', '2'), draftOf('a', '3')])
    const lost = parseCursor(original.generations.cursor(2))!
    const kept = parseCursor(original.generations.cursor(1))!
    await original.close()
    const restored = await openLog(logOptions({ directory: copy.path }))
    expect(restored.generations.resolve(lost, restored.head)).toBeUndefined()
    await restored.append([1, 2, 3, 4].map((n) => draftOf('a', `other ${n}`)))
    expect(restored.generations.resolve(lost, restored.head)).toBeUndefined()
    expect(restored.generations.resolve(kept, restored.head)).toBe(1)
    await restored.close()
  })

  test('under other rules keeps saying what is gone', async () => {
    using directory = tempDir()
    const open = (topics: { pattern: string; maxEvents?: number }[]) =>
      openLog(logOptions({ directory: directory.path, retention: { maxEvents: 100, topics } }))
    const horizons = (log: Awaited<ReturnType<typeof open>>) =>
      ['logs/app', 'logs/db', 'other', 'audit/1'].map((topic) => log.horizon(parseFilter([topic], [])).offset)
    const first = await open([{ pattern: 'logs/**', maxEvents: 1 }, { pattern: 'audit/*' }])
    await first.append(Array.from({ length: 10 }, () => draftOf('logs/app')))
    await first.trim()
    expect(horizons(first)).toEqual([9, 9, 0, 0])
    await first.close()
    const narrower = await open([{ pattern: 'audit/*' }, { pattern: 'logs/app' }])
    expect(horizons(narrower)).toEqual([9, 9, 9, 0])
    await narrower.close()
    const none = await open([])
    expect(horizons(none)).toEqual([9, 9, 9, 9])
    await none.close()
  })
})

test('what a killed process had acknowledged is there, under its offset', async () => {
  using directory = tempDir()
  const acknowledged = new Map<number, string>()
  for (let round = 1; round <= 3; round++) {
    const child = appendingProcess(directory.path)
    await until('some acknowledged events', () => child.lines.length > 40 * round, 60_000)
    await child.kill()
    expect(child.lines[0]).toBe('open')
    for (const line of child.lines.slice(1)) {
      const [offset, name] = line.split(' ')
      expect(acknowledged.has(Number(offset))).toBe(false)
      acknowledged.set(Number(offset), name!)
    }
  }
  const log = await openLog(logOptions({ directory: directory.path }))
  for (const [offset, name] of acknowledged) expect((await log.at(offset))?.data).toStartWith(`"${name} `)
  expect(log.generations.rows.length).toBe(3)
  await log.close()
}, 200_000)

async function state(log: Awaited<ReturnType<typeof openLog>>) {
  return {
    head: log.head,
    oldest: log.oldest,
    page: await log.read(0, everything, roomy),
    topics: await log.topics(everything, undefined, 10),
    horizon: log.horizon(everything),
  }
}
