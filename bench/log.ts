import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Draft } from '../src/core/event.ts'
import type { EventLog } from '../src/core/event-log.ts'
import { type Filter, parseFilter } from '../src/core/filter.ts'
import { systemClock } from '../src/daemon/clock.ts'
import { defaultPending, openLog } from '../src/storage/open.ts'

/** The event log alone, durability full, main thread and both workers: what DESIGN 12 asks of it, in events a second. */

const EVENT_BYTES = 200
const REQUEST = 1_000
const DATA = JSON.stringify({ n: 123_456, text: 'y'.repeat(EVENT_BYTES - 40) })

interface Result {
  what: string
  value: number
  unit: string
}

async function withLog<T>(run: (log: EventLog, directory: string) => Promise<T>, maxEvents = 5_000_000): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'mcp-sse-bench-'))
  const log = await openLog({
    durability: 'full',
    directory,
    retention: { maxAgeMs: 7 * 86_400_000, maxEvents, maxBytes: 2 ** 32, topics: [] },
    pending: defaultPending,
    clock: systemClock,
    warn: console.warn,
  })
  try {
    return await run(log, directory)
  } finally {
    await log.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

function drafts(count: number, topicOf: (index: number) => string, idOf: () => string | null = () => null): Draft[] {
  return Array.from({ length: count }, (_, index) => {
    const topic = topicOf(index)
    const bytes = topic.length + 7 + DATA.length
    return { topic, type: 'message', data: DATA, isText: false, id: idOf(), time: null, bytes }
  })
}

async function appendAll(log: EventLog, batches: Draft[][], publishers: number): Promise<number> {
  const start = performance.now()
  let next = 0
  const publish = async () => {
    for (let batch = batches[next++]; batch; batch = batches[next++]) await log.append(batch)
  }
  await Promise.all(Array.from({ length: publishers }, publish))
  return performance.now() - start
}

async function appendRate(what: string, publishers: number, batches: Draft[][], maxEvents?: number): Promise<Result> {
  const ms = await withLog((log) => appendAll(log, batches, publishers), maxEvents)
  return { what, value: (batches.reduce((sum, batch) => sum + batch.length, 0) / ms) * 1000, unit: 'events/s' }
}

function batchesOf(count: number, make: () => Draft[]): Draft[][] {
  return Array.from({ length: count }, make)
}

/** Pages asked for one ahead, so that both threads work. */
async function replay(log: EventLog, filter: Filter): Promise<{ events: number; ms: number }> {
  const start = performance.now()
  const limit = { events: 1_000, bytes: 256 * 1024 }
  let events = 0
  let page = await log.read(0, filter, limit)
  while (page.position < log.head) {
    const next = log.read(page.position, filter, limit)
    events += page.events.length
    page = await next
  }
  return { events: events + page.events.length, ms: performance.now() - start }
}

async function reads(): Promise<Result[]> {
  const rows = 400_000
  return withLog(async (log, directory) => {
    const make = () =>
      drafts(REQUEST, (index) =>
        index % 100 === 0 ? 'rare/one' : `often/${index % 500}/${index % 500 < 25 ? 'b' : 'a'}`,
      )
    await appendAll(log, batchesOf(rows / 2 / REQUEST, make), 8)
    await appendAll(
      log,
      batchesOf(rows / 2 / REQUEST, () => drafts(REQUEST, () => 'single')),
      8,
    )
    const results: Result[] = []
    const measure = async (what: string, filter: Filter, unit: string, count?: number) => {
      await replay(log, filter)
      const { events, ms } = await replay(log, filter)
      results.push({ what: `${what} (${events} events)`, value: ((count ?? events) / ms) * 1000, unit })
    }
    await measure('replay of one topic', parseFilter(['single'], []), 'events/s')
    await measure('replay of 2 topics', parseFilter(['single', 'rare/one'], []), 'events/s')
    await measure('replay of everything', parseFilter([], []), 'events/s')
    await measure('scan for a pattern, half match', parseFilter(['often/**'], []), 'rows/s', rows)
    await measure('scan for a pattern, 1 in 40', parseFilter(['often/*/b'], []), 'rows/s', rows)
    await measure('scan for a type nobody uses', parseFilter([], ['unused']), 'rows/s', rows)
    const start = performance.now()
    for (let index = 0; index < 2_000; index++) await log.at(1 + Math.floor(Math.random() * rows))
    results.push({ what: 'one event by its cursor', value: (performance.now() - start) / 2, unit: 'µs' })
    const size = statSync(join(directory, 'events.db')).size
    results.push({ what: 'file size an event', value: size / rows, unit: 'bytes' })
    return results
  })
}

async function opening(): Promise<Result> {
  const times: number[] = []
  for (let index = 0; index < 7; index++) {
    const start = performance.now()
    await withLog(async () => void times.push(performance.now() - start))
  }
  return { what: 'open on an empty directory', value: times.sort((a, b) => a - b)[3]!, unit: 'ms' }
}

const single = drafts(1, () => 'orders/42')
const results = [
  await opening(),
  await appendRate(
    'append, 1,000 a request, one topic, 1 publisher',
    1,
    batchesOf(200, () => drafts(REQUEST, () => 'orders')),
  ),
  await appendRate(
    'append, 1,000 a request, one topic, 4 publishers',
    4,
    batchesOf(400, () => drafts(REQUEST, () => 'orders')),
  ),
  await appendRate(
    'append, 10,000 topics at random, 4 publishers',
    4,
    batchesOf(150, () => drafts(REQUEST, () => `t/${Math.floor(Math.random() * 10_000)}`)),
  ),
  await appendRate(
    'append, random ids, 4 publishers',
    4,
    batchesOf(100, () =>
      drafts(
        REQUEST,
        () => 'orders',
        () => crypto.randomUUID(),
      ),
    ),
  ),
  await appendRate(
    'append with retention at work (50,000 kept), 4 publishers',
    4,
    batchesOf(200, () => drafts(REQUEST, () => 'orders')),
    50_000,
  ),
  await appendRate(
    'append, 1 a request, 1 publisher',
    1,
    batchesOf(3_000, () => single),
  ),
  await appendRate(
    'append, 1 a request, 64 publishers',
    64,
    batchesOf(60_000, () => single),
  ),
  ...(await reads()),
]
for (const { what, value, unit } of results) {
  const shown = value < 1_000 ? value.toFixed(1) : Math.round(value).toLocaleString('en')
  console.log(`${what.padEnd(60)} ${shown.padStart(12)} ${unit}`)
}
