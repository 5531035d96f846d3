import type { Database } from 'bun:sqlite'
import type { Generation } from '../../core/cursor.ts'
import { newEpoch } from '../epoch.ts'
import type { Duplicate, GroupOutcome, RequestOutcome } from '../store.ts'
import { type Packed, type PackedRow, unpackDrafts } from './packed-events.ts'
import { isCorrupt } from './sqlite-error.ts'
import { TopicChanges, type TopicRow, type TopicTable } from './topic-table.ts'

/** Rows an INSERT: 571,000 rows/s with 20 of them, 441,000 with one. */
const ROWS_AN_INSERT = 16
const COLUMNS = 'offset, topic_id, received, bytes, is_text, type, id, time, data'
const ROW = '(?, ?, ?, ?, ?, ?, ?, ?, ?)'

type Value = string | number | null

/** Whether the data of an event whose id is given again says what `kept` does; both are text, or both JSON. */
export type SameData = (kept: string, given: { data: string; isText: boolean }) => boolean

const EXACTLY: SameData = (kept, { data }) => kept === data

/** Requests that repeat an event which lies on a damaged page: by their place, the place of the draft. */
export type Unreadable = ReadonlyMap<number, number>

const NONE: Unreadable = new Map()

/** Stores groups of requests. The caller owns the transaction. */
export class Appender {
  readonly #topics: TopicTable
  readonly #insertOne
  readonly #insertMany
  readonly #insertNamed
  readonly #findNamed
  /** In the index alone. */
  readonly #findOffset
  readonly #begin
  readonly #rollback
  readonly #release
  readonly #insertGeneration
  readonly #sameData: SameData
  #head: number
  /** This process run has a generation of its own. */
  #begun: boolean

  constructor(database: Database, topics: TopicTable, head: number, begun: boolean, sameData = EXACTLY) {
    this.#topics = topics
    this.#sameData = sameData
    this.#head = head
    this.#begun = begun
    this.#insertOne = database.prepare(`INSERT INTO events (${COLUMNS}) VALUES ${ROW}`)
    this.#insertMany = database.prepare(
      `INSERT INTO events (${COLUMNS}) VALUES ${Array(ROWS_AN_INSERT).fill(ROW).join(', ')}`,
    )
    this.#insertNamed = database.prepare(`INSERT INTO events (${COLUMNS}) VALUES ${ROW} ON CONFLICT DO NOTHING`)
    this.#findNamed = database.prepare<
      { offset: number; received: number; time: string | null; type: string; is_text: number; data: string },
      [number, string]
    >('SELECT offset, received, time, type, is_text, data FROM events WHERE topic_id = ? AND id = ?')
    this.#findOffset = database.prepare<{ offset: number }, [number, string]>(
      'SELECT offset FROM events INDEXED BY events_by_id WHERE topic_id = ? AND id = ?',
    )
    this.#begin = database.prepare('SAVEPOINT request')
    this.#rollback = database.prepare('ROLLBACK TO request')
    this.#release = database.prepare('RELEASE request')
    this.#insertGeneration = database.prepare('INSERT INTO generations (first_offset, epoch) VALUES (?, ?)')
  }

  get head(): number {
    return this.#head
  }

  /** All of it but `without` or, when it throws, nothing: `commit` is called last. */
  append(sizes: readonly number[], received: number, packed: Packed, commit: () => void, without = NONE): GroupOutcome {
    const drafts = unpackDrafts(packed)
    const changes = new TopicChanges()
    const before = this.#head
    const requests: RequestOutcome[] = []
    let head = before
    let start = 0
    for (const [index, size] of sizes.entries()) {
      const damaged = without.get(index)
      if (damaged !== undefined) {
        requests.push({ damaged })
        start += size
        continue
      }
      const request = new RequestRows(drafts.slice(start, start + size), head, received)
      start += size
      requests.push(this.#request(request))
      head = request.head
      for (const { topic, bytes, offset } of request.stored) changes.add(topic, 1, bytes, offset)
    }
    this.#topics.stored(changes.all, received)
    const generation = head > before && !this.#begun ? { epoch: newEpoch(), firstOffset: before + 1 } : undefined
    if (generation) this.#beginGeneration(generation)
    commit()
    this.#head = head
    if (generation) this.#begun = true
    return { requests, firstOffset: before + 1, generation }
  }

  /**
   * After a group that met damage and was rolled back; outside of a transaction.
   * @throws SQLiteError it is the index of ids that is damaged, which every event with an id changes
   */
  unreadable(sizes: readonly number[], packed: Packed): Unreadable {
    const drafts = unpackDrafts(packed)
    const found = new Map<number, number>()
    let start = 0
    for (const [index, size] of sizes.entries()) {
      const place = drafts.slice(start, start + size).findIndex((draft) => this.#isUnreadable(draft))
      if (place >= 0) found.set(index, place)
      start += size
    }
    return found
  }

  #isUnreadable({ topic, id }: PackedRow): boolean {
    const known = id === null ? undefined : this.#topics.find(topic)
    if (!known || id === null || !this.#findOffset.get(known.id, id)) return false
    try {
      this.#findNamed.get(known.id, id)
      return false
    } catch (error) {
      if (isCorrupt(error)) return true
      throw error
    }
  }

  #beginGeneration({ epoch, firstOffset }: Generation): void {
    this.#insertGeneration.run(firstOffset, epoch)
  }

  #request(request: RequestRows): RequestOutcome {
    // Without ids nothing in a request can be refused once it is here, and one draft is all or nothing by itself.
    if (!request.hasIds) {
      this.#insertAll(request)
      return { duplicates: [] }
    }
    if (request.drafts.length > 1) this.#begin.run()
    const made: TopicRow[] = []
    const duplicates: Duplicate[] = []
    for (const [index, draft] of request.drafts.entries()) {
      const known = this.#topics.find(draft.topic)
      const topic = known ?? this.#topics.findOrCreate(draft.topic)
      if (!known) made.push(topic)
      if (draft.id === null) {
        this.#insertOne.run(...request.row(draft, topic))
        continue
      }
      const { changes } = this.#insertNamed.run(...request.row(draft, topic))
      if (changes > 0) continue
      request.takeBack()
      const first = this.#findNamed.get(topic.id, draft.id)!
      if (first.type === draft.type && first.is_text === Number(draft.isText) && this.#sameData(first.data, draft)) {
        duplicates.push({ index, offset: first.offset, received: first.received, time: first.time })
        continue
      }
      if (request.drafts.length > 1) {
        this.#rollback.run()
        this.#release.run()
      }
      for (const row of made) this.#topics.forgetRow(row)
      request.takeBackAll()
      return { conflict: index }
    }
    if (request.drafts.length > 1) this.#release.run()
    return { duplicates }
  }

  #insertAll(request: RequestRows): void {
    const { drafts } = request
    let topic: TopicRow | undefined
    let index = 0
    const next = (): Value[] => {
      const draft = drafts[index++]!
      if (topic?.name !== draft.topic) topic = this.#topics.findOrCreate(draft.topic)
      return request.row(draft, topic)
    }
    while (index + ROWS_AN_INSERT <= drafts.length) {
      const values: Value[] = []
      for (let row = 0; row < ROWS_AN_INSERT; row++) values.push(...next())
      this.#insertMany.run(...values)
    }
    while (index < drafts.length) this.#insertOne.run(...next())
  }
}

/** The rows of one request, numbered on from `head`. */
class RequestRows {
  readonly drafts: readonly PackedRow[]
  readonly stored: { topic: TopicRow; bytes: number; offset: number }[] = []
  readonly #first: number
  readonly #received: number

  constructor(drafts: readonly PackedRow[], head: number, received: number) {
    this.drafts = drafts
    this.#first = head + 1
    this.#received = received
  }

  get hasIds(): boolean {
    return this.drafts.some((draft) => draft.id !== null)
  }

  get head(): number {
    return this.#first - 1 + this.stored.length
  }

  row(draft: PackedRow, topic: TopicRow): Value[] {
    const offset = this.head + 1
    this.stored.push({ topic, bytes: draft.bytes, offset })
    const { bytes, isText, type, id, time, data } = draft
    return [offset, topic.id, this.#received, bytes, isText ? 1 : 0, type, id, time, data]
  }

  /** The last row was there already. */
  takeBack(): void {
    this.stored.pop()
  }

  takeBackAll(): void {
    this.stored.length = 0
  }
}
