import type { Block } from './block.ts'

/** One event as its publisher knows it from the answer. */
export interface LoggedEvent {
  cursor: string
  topic: string
  type: string
  data: unknown
}

interface Gap {
  requested: string
  resumedFrom: string
  reason: 'expired' | 'unknown'
  /** Matching events that the gap stands for. */
  missing: number
}

export interface SequenceOptions {
  /** Everything that was published, in the order of the log. */
  log: readonly LoggedEvent[]
  /** What the reader asked for. */
  matches(event: LoggedEvent): boolean
  envelope: boolean
}

export function offsetOf(cursor: string): number {
  return Number(cursor.slice(cursor.indexOf('.') + 1))
}

/**
 * What one reader got, over all its connections, held against the log: a gapless subsequence of it, in order, every id a
 * place up to which nothing that matches is missing, or a `$gap` that names the missing stretch before anything later.
 */
export class Sequence {
  /** Of events, with their number in the log of this reader. */
  events = 0
  readonly gaps: Gap[] = []
  /** Everything that matches up to here was delivered or said to be gone; `undefined` until the reader is told. */
  position: number | undefined
  readonly #matching: LoggedEvent[]
  readonly #offsets: number[]
  readonly #byOffset: Map<number, LoggedEvent>
  readonly #envelope: boolean

  constructor({ log, matches, envelope }: SequenceOptions) {
    this.#matching = log.filter(matches)
    this.#offsets = this.#matching.map(({ cursor }) => offsetOf(cursor))
    this.#byOffset = new Map(this.#matching.map((event, index) => [this.#offsets[index]!, event]))
    this.#envelope = envelope
  }

  /** The newest event there is for this reader. */
  get last(): LoggedEvent | undefined {
    return this.#matching.at(-1)
  }

  /** @throws at the first block that a reader of this log must not get here */
  see(block: Block): void {
    if (block.type === '$gap') this.#gap(block)
    else if (block.type === '$open') this.#open(block)
    else if (block.type.startsWith('$') && block.type !== '$heartbeat') {
      if (block.id !== undefined) throw wrong(block, 'it carries an id')
    } else if (block.type === '$heartbeat' || block.data === undefined) {
      if (block.id === undefined) return
      // With `control=0` this stands for $open.
      if (this.position === undefined) this.position = offsetOf(block.id)
      else this.#advance(block, offsetOf(block.id))
    } else this.#event(block)
  }

  #open(block: Block): void {
    if (block.id === undefined) return
    const offset = offsetOf(block.id)
    if (this.position !== undefined && offset !== this.position) {
      throw wrong(block, `the stream starts after ${offset}, its reader was at ${this.position}`)
    }
    this.position = offset
  }

  #event(block: Block): void {
    const offset = offsetOf(block.id ?? '')
    const event = this.#byOffset.get(offset)
    if (!event || event.cursor !== block.id) throw wrong(block, 'the log has no such event for this reader')
    if (this.position !== undefined && offset <= this.position) throw wrong(block, 'it was given before')
    this.#advance(block, offset - 1)
    this.position = offset
    this.events++
    const got = this.#envelope ? JSON.parse(block.data!) : { cursor: block.id, type: block.type, data: block.data }
    const { cursor, type, data, topic = event.topic } = got as LoggedEvent
    const wanted = this.#envelope ? event.data : asText(event.data, data as string)
    if (cursor !== event.cursor || type !== event.type || topic !== event.topic || !Bun.deepEquals(data, wanted)) {
      throw wrong(block, `${JSON.stringify(event)} was published`)
    }
  }

  #gap(block: Block): void {
    const gap = JSON.parse(block.data!) as Omit<Gap, 'missing'>
    if (block.id !== gap.resumedFrom) throw wrong(block, 'its id is not the place it resumes from')
    const to = offsetOf(gap.resumedFrom)
    let missing = 0
    if (gap.reason === 'expired') {
      const from = offsetOf(gap.requested)
      this.#advance(block, from)
      if (to < from) throw wrong(block, 'it resumes before the place it says was lost')
      missing = this.#between(from, to)
    }
    this.position = to
    this.gaps.push({ ...gap, missing })
  }

  #advance(block: Block, to: number): void {
    if (this.position === undefined) throw wrong(block, 'no place was said before it')
    if (to < this.position) throw wrong(block, `the reader was at ${this.position} already`)
    const missing = this.#between(this.position, to)
    if (missing > 0) throw wrong(block, `${missing} events after ${this.position} are missing and no $gap said so`)
    this.position = to
  }

  /** How many matching events lie after `from`, up to `to`. */
  #between(from: number, to: number): number {
    return this.#above(to) - this.#above(from)
  }

  /** Index of the first matching event above `offset`. */
  #above(offset: number): number {
    let low = 0
    let high = this.#offsets.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#offsets[middle]! <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** What an EventSource hands over: text with its line breaks as \n, anything else as JSON, however it was spaced. */
function asText(data: unknown, got: string): string {
  if (typeof data === 'string') return data.replace(/\r\n|\r/g, '\n')
  return Bun.deepEquals(JSON.parse(got), data) ? got : JSON.stringify(data)
}

function wrong(block: Block, why: string): Error {
  return new Error(`${JSON.stringify(block).slice(0, 400)}: ${why}.`)
}
