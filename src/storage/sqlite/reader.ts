import type { Horizon, ReadLimit, TopicSummary, TopicsPage } from '../../core/event-log.ts'
import { exactTopics, type Filter, filterTopic, parseFilter } from '../../core/filter.ts'
import { Connection } from './connection.ts'
import { wholeFrom } from './damage.ts'
import type { ReadAnswer, ReadLastAnswer } from './messages.ts'
import { type Packed, Packer } from './packed-events.ts'
import { isRow, ROW_COLUMNS, type Row } from './row.ts'
import { type RowSource, RowSources } from './row-source.ts'
import { ImpossibleRow, isCorrupt, unlessDamaged } from './sqlite-error.ts'
import { TopicNames } from './topic-names.ts'
import { walk } from './walk.ts'

/** Longest work for one page of topics, milliseconds. */
const SLICE_MS = 5
const CACHE_KIB = 8 * 1024
const TOPICS_A_STEP = 500
const EVERYTHING = parseFilter([], [])
const ONE: ReadLimit = { events: 1, bytes: 1 }

const INDEX_DAMAGED =
  'An index of the event log is damaged: no event is missing for that, but readers of a topic look through everything. Restore a backup, or export the log and import it.'

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
    const from = Math.max(after, 0)
    const answer = (source: RowSource, lost: string | undefined): ReadAnswer => {
      const { rows, position } = walk({ source, names: this.#names, from, to: upTo, filter, limit })
      return this.#answer(rows, Math.max(position, after), lost)
    }
    return this.#oneState(() =>
      this.#aroundDamage(this.#up, filter, [from, upTo], answer, () => {
        const lostUpTo = this.#wholeFrom(from + 1, upTo + 1) - 1
        return { ...this.#answer([], lostUpTo, lostBetween(from + 1, lostUpTo)), lostUpTo }
      }),
    )
  }

  readLast(before: number, filter: Filter, limit: ReadLimit): ReadLastAnswer {
    const answer = (source: RowSource, lost: string | undefined): ReadLastAnswer => {
      const { rows, position } = walk({ source, names: this.#names, from: before, to: 0, filter, limit })
      return { events: this.#pack(rows.reverse()), position, damaged: false, lost }
    }
    return this.#oneState(() =>
      this.#aroundDamage(this.#down, filter, [before, 0], answer, () => {
        const lost = lostBetween(this.#wholeFrom(before - 1, 0) + 1, before - 1)
        return { events: this.#pack([]), position: before, damaged: true, lost }
      }),
    )
  }

  at(offset: number): Packed {
    return this.#oneState(() => {
      const rows = this.#at.values(offset) as Row[]
      for (const row of rows) if (!isRow(row)) throw new ImpossibleRow('a value of another kind')
      return this.#pack(rows)
    })
  }

  /** Receipt times never go back, so the place is found by halving. Of damage it is the place before. */
  seek(time: number, upTo: number): number {
    return this.#oneState(() => {
      let low = this.#lowest(upTo)
      let high = upTo + 1
      while (low < high) {
        const middle = Math.floor((low + high) / 2)
        const event = this.#firstWhole(middle, upTo)
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

  #answer(rows: readonly Row[], position: number, lost: string | undefined): ReadAnswer {
    return { events: this.#pack(rows), position, horizons: this.#horizons.all(), lostUpTo: 0, lost }
  }

  /**
   * An index, or a look ahead for topics and types, comes by damage that lies far behind events that are whole: then one after
   * the other is looked at, and only what begins with damage is `behind` it.
   */
  #aroundDamage<Answer>(
    sources: RowSources,
    filter: Filter,
    [from, to]: [from: number, to: number],
    answer: (source: RowSource, lost: string | undefined) => Answer,
    behind: () => Answer,
  ): Answer {
    const whole = unlessDamaged(() => answer(this.#source(sources, filter), undefined))
    if (whole !== undefined) return whole
    const plain = unlessDamaged(() => {
      const source = sources.plain(this.#names.verdicts(filter))
      return answer(source, this.#isIndexWhole(sources, filter, from, to) ? undefined : INDEX_DAMAGED)
    })
    return plain ?? behind()
  }

  #isIndexWhole(sources: RowSources, filter: Filter, from: number, to: number): boolean {
    return (
      unlessDamaged(() => {
        const ids = this.#idsOf(filter)
        if (ids) sources.lookUp(ids, from, to)
        return true
      }) ?? false
    )
  }

  /** The first offset from a damaged one towards `end` at which something can be read; `end` when there is none before it. */
  #wholeFrom(damaged: number, end: number): number {
    const up = end > damaged
    const source = (up ? this.#up : this.#down).all()
    const walked = { source, names: this.#names, to: up ? end - 1 : end, filter: EVERYTHING, limit: ONE }
    return wholeFrom(damaged, end, (offset) => {
      return unlessDamaged(() => walk({ ...walked, from: up ? offset - 1 : offset + 1 })) !== undefined
    })
  }

  #lowest(upTo: number): number {
    const found = unlessDamaged(() => this.#oldest.get()?.oldest ?? upTo + 1)
    return found ?? 1
  }

  /** The first event from `offset` on that can be read. */
  #firstWhole(offset: number, upTo: number): { offset: number; received: number } | undefined {
    const found = unlessDamaged(() => this.#firstFrom.all(offset, upTo))
    if (found) return found[0]
    const whole = this.#wholeFrom(offset, upTo + 1)
    return whole > upTo ? undefined : (this.#firstFrom.get(whole, upTo) ?? undefined)
  }

  #source(sources: RowSources, filter: Filter): RowSource {
    if (isOfAllTopics(filter)) {
      if (filter.types.length === 0) return sources.all()
      // The topics say nothing about which events these are.
      return sources.scan(this.#names.verdicts(filter), filter)
    }
    const ids = this.#idsOf(filter)
    return ids ? sources.topics(ids) : sources.scan(this.#names.verdicts(filter), filter)
  }

  #idsOf(filter: Filter): number[] | undefined {
    return isOfAllTopics(filter) ? undefined : this.#names.idsOf(filter)
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

function isOfAllTopics({ patterns }: Filter): boolean {
  return patterns.some((pattern) => pattern.open && pattern.segments.length === 0)
}

function lostBetween(first: number, last: number): string {
  return `The event log is damaged: what lies at the offsets ${first} to ${last} cannot be read. Restore a backup, or export what is whole.`
}
