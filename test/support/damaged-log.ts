import { join } from 'node:path'
import type { Draft } from '../../src/core/event.ts'
import type { EventLog } from '../../src/core/event-log.ts'
import type { Filter } from '../../src/core/filter.ts'
import { openLog } from '../../src/storage/open.ts'
import { type LogChoices, logOptions } from './log-options.ts'
import { type Leaf, LogPages } from './log-pages.ts'
import { tempDir } from './temp-dir.ts'

/** Of a page of the log, which holds about 15 events of 500 bytes. */
export interface Stretch {
  from: number
  to: number
}

export const DATA = JSON.stringify('x'.repeat(500))

const BATCH = 100

export interface DamagedLogChoices extends LogChoices {
  /** Of events, in hundreds. */
  count: number
  draft: (offset: number) => Draft
  /** After each hundred. */
  batched?: () => void
}

/** A log, closed, of which `damage` makes what a disk may make of it. */
export async function damagedFiles(
  { count, draft, batched = () => {}, ...choices }: DamagedLogChoices,
  damage: (pages: LogPages) => void,
) {
  const dir = tempDir()
  const options = logOptions({ directory: dir.path, durability: 'normal', ...choices })
  const log = await openLog(options)
  for (let first = 1; first <= count; first += BATCH) {
    await log.append(Array.from({ length: BATCH }, (_, index) => draft(first + index)))
    batched()
  }
  await log.trim()
  await log.close()
  damage(new LogPages(join(dir.path, 'events.db')))
  return { options, directory: dir.path, [Symbol.dispose]: () => dir[Symbol.dispose]() }
}

/** The same, opened: which it is not when its first or its last page is damaged. */
export async function damagedLog(choices: DamagedLogChoices, damage: (pages: LogPages) => void) {
  const files = await damagedFiles(choices, damage)
  return { ...files, log: await openLog(files.options) }
}

export function stretchOf({ rows }: Leaf): Stretch {
  return { from: rows[0]!.key, to: rows.at(-1)!.key }
}

export interface ReadThrough {
  offsets: number[]
  /** The place before, and what was lost up to. */
  gaps: [after: number, lostUpTo: number][]
}

/** All that a reader gets: each page ends when it has taken some milliseconds, so how many there are is not said. */
export async function readThrough(log: EventLog, filter: Filter, from = 0): Promise<ReadThrough> {
  const offsets: number[] = []
  const gaps: ReadThrough['gaps'] = []
  for (let position = from; position < log.head; ) {
    const page = await log.read(position, filter, { events: 1_000, bytes: 1 << 24 })
    if (page.lostUpTo > 0) gaps.push([position, page.lostUpTo])
    offsets.push(...page.events.map(({ offset }) => offset))
    if (page.position <= position) throw new Error(`A read after ${position} gets no further`)
    position = page.position
  }
  return { offsets, gaps }
}

/** The newest events there are, oldest first, and whether damage ended them. */
export async function readBack(log: EventLog, filter: Filter): Promise<{ offsets: number[]; damaged: boolean }> {
  let offsets: number[] = []
  for (let before = log.head + 1; before > 1; ) {
    const page = await log.readLast(before, filter, { events: 1_000, bytes: 1 << 24 })
    offsets = [...page.events.map(({ offset }) => offset), ...offsets]
    if (page.damaged) return { offsets, damaged: true }
    if (page.position >= before) throw new Error(`A read before ${before} gets no further`)
    before = page.position
  }
  return { offsets, damaged: false }
}
