import type { Horizon, ReadLimit, TopicSummary, TopicsPage } from '../../core/event-log.ts'
import { exactTopics, type Filter, filterTopic } from '../../core/filter.ts'
import { Connection } from './connection.ts'
import type { ReadAnswer, ReadLastAnswer } from './messages.ts'
import { type Packed, Packer } from './packed-events.ts'
import { ROW_COLUMNS, type Row } from './row.ts'
import { type RowSource, RowSources } from './row-source.ts'
import { isCorrupt } from './sqlite-error.ts'
import { TopicNames } from './topic-names.ts'
import { walk } from './walk.ts'

/** Longest work for one page of topics, milliseconds. */
const SLICE_MS = 5
const CACHE_KIB = 8 * 1024
const TOPICS_A_STEP = 500

const SUMMARY = 'name AS topic, events, last_offset AS lastOffset, last_received AS lastReceived FROM topics'

/** The connection that only reads. Lives in the reader worker. */
export class Reader {
  readonly #database: Connection
  readonly #names: TopicNames
  readonly #up: RowSources
  readonly #down: RowSources
  readonly #begin
  readonly #commit
  readonly #horizons
  readonly #at
  readonly #oneFrom
  readonly #oldest
  readonly #firstFrom
  readonly #topic
  readonly #topics

  constructor(path: string) {
    const database = new Connection(path, { readonly: true })
    database.run('PRAGMA busy_timeout = 5000')
    database.run(`PRAGMA cache_size = -${CACHE_KIB}`)
    this.#database = database
    this.#names = new TopicNames(database)
    this.#up = new RowSources(database, 'up')
    this.#down = new RowSources(database, 'down')
    this.#begin = database.prepare('BEGIN')
    this.#commit = database.prepare('COMMIT')
    this.#horizons = database.prepare<Horizon, []>(
      'SELECT horizon_offset AS offset, horizon_received AS received FROM groups ORDER BY rank',
    )
    this.#at = database.prepare<unknown, [number]>(`SELECT ${ROW_COLUMNS} FROM events WHERE offset = ?`)
    this.#oneFrom = database.prepare<unknown, [number]>(
      `SELECT ${ROW_COLUMNS} FROM events WHERE offset >= ? ORDER BY offset LIMIT 1`,
    )
    this.#oldest = database.prepare<{ oldest: number | null }, []>('SELECT min(offset) AS oldest FROM events')
    this.#firstFrom = database.prepare<{ offset: number; received: number }, [number, number]>(
      'SELECT offset, received FROM events WHERE offset >= ? AND offset <= ? ORDER BY offset LIMIT 1',
    )
    this.#topic = database.prepare<TopicSummary, [string]>(`SELECT ${SUMMARY} WHERE name = ?`)
    this.#topics = database.prepare<TopicSummary, [string, number]>(
      `SELECT ${SUMMARY} WHERE name > ? ORDER BY name LIMIT ?`,
    )
  }

  read(after: number, upTo: number, filter: Filter, limit: ReadLimit): ReadAnswer {
    try {
      return this.#oneState(() => {
        const { rows, position } = walk(this.#source(this.#up, filter), Math.max(after, 0), upTo, filter, limit)
        const horizons = this.#horizons.all()
        return { events: this.#pack(rows), position: Math.max(position, after), horizons, lost: undefined }
      })
    } catch (error) {
      const wholeFrom = isCorrupt(error) ? this.#wholeAgain(after + 1, upTo) : undefined
      if (wholeFrom === undefined) throw error
      return this.#oneState(() => lostUpTo(wholeFrom - 1, after, this.#horizons.all()))
    }
  }

  readLast(before: number, filter: Filter, limit: ReadLimit): ReadLastAnswer {
    return this.#oneState(() => {
      const { rows, position } = walk(this.#source(this.#down, filter), before, 0, filter, limit)
      return { events: this.#pack(rows.reverse()), position }
    })
  }

  at(offset: number): Packed {
    return this.#oneState(() => this.#pack(this.#at.values(offset) as Row[]))
  }

  /** Receipt times never go back, so the place is found by halving. */
  seek(time: number, upTo: number): number {
    return this.#oneState(() => {
      let low = this.#oldest.get()?.oldest ?? upTo + 1
      let high = upTo + 1
      while (low < high) {
        const middle = Math.floor((low + high) / 2)
        const event = this.#firstFrom.get(middle, upTo)
        if (!event || event.received >= time) high = middle
        else low = event.offset + 1
      }
      return Math.min(low - 1, upTo)
    })
  }

  topics(filter: Filter, after: string | undefined, limit: number): TopicsPage {
    return this.#oneState(() => {
      const exact = exactTopics(filter)
      return exact ? this.#exactTopics(exact, after, limit) : this.#matchingTopics(filter, after ?? '', limit)
    })
  }

  close(): null {
    this.#database.close()
    return null
  }

  /** The first offset from `from` on, up to the one after `upTo`, at which something can be read. `undefined`: it is `from` */
  #wholeAgain(from: number, upTo: number): number | undefined {
    const isWhole = (offset: number): boolean => {
      if (offset > upTo) return true
      try {
        this.#oneState(() => this.#oneFrom.values(offset))
        return true
      } catch (error) {
        if (isCorrupt(error)) return false
        throw error
      }
    }
    if (isWhole(from)) return undefined
    let step = 1
    while (!isWhole(from + step)) step *= 2
    let damaged = from + step / 2
    let whole = Math.min(from + step, upTo + 1)
    while (whole - damaged > 1) {
      const middle = Math.floor((damaged + whole) / 2)
      if (isWhole(middle)) whole = middle
      else damaged = middle
    }
    return whole
  }

  #source(sources: RowSources, filter: Filter): RowSource {
    if (filter.patterns.some((pattern) => pattern.open && pattern.segments.length === 0)) {
      if (filter.types.length === 0) return sources.all()
      // The topics say nothing about which events these are.
      return sources.scan(this.#names.verdicts(filter), filter)
    }
    const ids = this.#names.idsOf(filter)
    return ids ? sources.topics(ids) : sources.scan(this.#names.verdicts(filter), filter)
  }

  #exactTopics(names: readonly string[], after: string | undefined, limit: number): TopicsPage {
    const found = [...new Set(names)]
      .flatMap((name) => this.#topic.get(name) ?? [])
      .sort((a, b) => byteOrder(a.topic, b.topic))
      .filter(({ topic }) => after === undefined || byteOrder(topic, after) > 0)
    const topics = found.slice(0, limit)
    return { topics, next: found.length > limit ? topics.at(-1)?.topic : undefined }
  }

  #matchingTopics(filter: Filter, after: string, limit: number): TopicsPage {
    const deadline = performance.now() + SLICE_MS
    const topics: TopicSummary[] = []
    let looked = after
    do {
      const portion = this.#topics.all(looked, TOPICS_A_STEP)
      for (const summary of portion) {
        if (filterTopic(filter, summary.topic)) {
          if (topics.length === limit) return { topics, next: looked }
          topics.push(summary)
        }
        looked = summary.topic
      }
      if (portion.length < TOPICS_A_STEP) return { topics, next: undefined }
    } while (performance.now() < deadline)
    return { topics, next: looked }
  }

  // All a call reads is one state of the log: what the horizons say is true of the events beside them.
  #oneState<T>(read: () => T): T {
    this.#begin.run()
    try {
      return read()
    } finally {
      this.#end()
    }
  }

  // Whoever met a damaged page has been told or went around it; the end says it once more (SQLite 3.51).
  #end(): void {
    try {
      this.#commit.run()
    } catch (error) {
      if (!isCorrupt(error)) throw error
      if (this.#database.inTransaction) this.#database.run('ROLLBACK')
    }
  }

  #pack(rows: readonly Row[]): Packed {
    const packer = new Packer()
    for (const [offset, topicId, received, bytes, isText, type, id, time, data] of rows) {
      packer.add(
        { topic: this.#names.nameOf(topicId), type, data, isText: isText === 1, id, time, bytes },
        offset,
        received,
      )
    }
    return packer.finish()
  }
}

function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** What a damaged page holds is gone for readers as what retention took is: they are told of a gap, and go on behind it. */
function lostUpTo(position: number, after: number, horizons: readonly Horizon[]): ReadAnswer {
  return {
    events: new Packer().finish(),
    position,
    horizons: horizons.map((horizon) => (horizon.offset < position ? { ...horizon, offset: position } : horizon)),
    lost: `The event log is damaged: what lies at the offsets ${after + 1} to ${position} cannot be read. Restore a backup, or export what is whole.`,
  }
}
