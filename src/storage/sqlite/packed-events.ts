import type { Generations } from '../../core/cursor.ts'
import type { Draft, StoredEvent } from '../../core/event.ts'

/**
 * Many drafts or events in a form that crosses threads cheaply: all text in one string, all numbers in one array.
 * Measured with 1,000 events of 200 bytes: 0.2 ms, against 1.2 ms for structured clones of the objects, 1.1 ms for JSON
 * and 0.6 ms for an array a column.
 */
export interface Packed {
  count: number
  text: string
  numbers: Float64Array
}

/** A draft, or what an event adds to it. */
export interface PackedRow extends Draft {
  offset: number
  received: number
}

const NUMBERS_A_ROW = 8
/** Instead of a length: as in the row before. Topics and types come in runs. */
const SAME = -2
const NULL = -1

export class Packer {
  #numbers: number[] = []
  #parts: string[] = []
  #topic: string | undefined
  #type: string | undefined
  #count = 0

  get count(): number {
    return this.#count
  }

  add(draft: Draft, offset = 0, received = 0): void {
    const { topic, type, id, time, data } = draft
    const parts = this.#parts
    const numbers = this.#numbers
    this.#count++
    if (topic === this.#topic) numbers.push(SAME)
    else {
      numbers.push(topic.length)
      parts.push(topic)
      this.#topic = topic
    }
    if (type === this.#type) numbers.push(SAME)
    else {
      numbers.push(type.length)
      parts.push(type)
      this.#type = type
    }
    if (id === null) numbers.push(NULL)
    else {
      numbers.push(id.length)
      parts.push(id)
    }
    if (time === null) numbers.push(NULL)
    else {
      numbers.push(time.length)
      parts.push(time)
    }
    numbers.push(data.length, draft.bytes * 2 + (draft.isText ? 1 : 0), offset, received)
    parts.push(data)
  }

  finish(): Packed {
    return { count: this.#count, text: this.#parts.join(''), numbers: new Float64Array(this.#numbers) }
  }
}

export function packDrafts(requests: readonly (readonly Draft[])[]): Packed {
  const packer = new Packer()
  for (const drafts of requests) for (const draft of drafts) packer.add(draft)
  return packer.finish()
}

export function unpackDrafts(packed: Packed): PackedRow[] {
  const rows: PackedRow[] = []
  unpack(packed, (topic, type, id, time, data, size, offset, received) => {
    rows.push({ topic, type, data, isText: size % 2 === 1, id, time, bytes: (size - (size % 2)) / 2, offset, received })
  })
  return rows
}

export function unpackEvents(packed: Packed, generations: Generations): StoredEvent[] {
  const events: StoredEvent[] = []
  const rows = generations.rows
  let generation = 0
  unpack(packed, (topic, type, id, time, data, size, offset, received) => {
    // Events come in order, and so do generations.
    while (generation + 1 < rows.length && rows[generation + 1]!.firstOffset <= offset) generation++
    const { epoch } = rows[generation]!
    const isText = size % 2 === 1
    events.push({ topic, type, data, isText, id, time, bytes: (size - (size % 2)) / 2, offset, epoch, received })
  })
  return events
}

type Take = (
  topic: string,
  type: string,
  id: string | null,
  time: string | null,
  data: string,
  size: number,
  offset: number,
  received: number,
) => void

function unpack({ count, text, numbers }: Packed, take: Take): void {
  let at = 0
  let topic = ''
  let type = ''
  const next = (length: number): string => {
    const start = at
    at += length
    return text.substring(start, at)
  }
  for (let row = 0; row < count; row++) {
    const base = row * NUMBERS_A_ROW
    const topicLength = numbers[base]!
    const typeLength = numbers[base + 1]!
    const idLength = numbers[base + 2]!
    const timeLength = numbers[base + 3]!
    if (topicLength !== SAME) topic = next(topicLength)
    if (typeLength !== SAME) type = next(typeLength)
    const id = idLength === NULL ? null : next(idLength)
    const time = timeLength === NULL ? null : next(timeLength)
    const data = next(numbers[base + 4]!)
    take(topic, type, id, time, data, numbers[base + 5]!, numbers[base + 6]!, numbers[base + 7]!)
  }
}
