import { HubError } from './errors.ts'

/**
 * A place in the log: "after event `offset` of generation `epoch`". On the wire `k3f9a2b7.1042`.
 * Offset 0 is before the first event ever.
 */
export interface Cursor {
  epoch: string
  offset: number
}

const CURSOR = /^([a-z0-9]{1,16})\.(0|[1-9][0-9]{0,15})$/

export function formatCursor(epoch: string, offset: number): string {
  return `${epoch}.${offset}`
}

/** `undefined` for what no hub can have issued. */
export function parseCursor(text: string): Cursor | undefined {
  const match = CURSOR.exec(text)
  if (!match) return undefined
  const offset = Number(match[2])
  return Number.isSafeInteger(offset) ? { epoch: match[1]!, offset } : undefined
}

/** @throws HubError `invalid-cursor` */
export function requireCursor(text: string): Cursor {
  const cursor = parseCursor(text)
  if (!cursor) {
    throw new HubError('invalid-cursor', 'A cursor looks like k3f9a2b7.1042; take it from an event or from $open.', {
      pointer: '/cursor',
    })
  }
  return cursor
}

export interface Generation {
  epoch: string
  /** The first offset written in this generation. */
  firstOffset: number
}

/**
 * The generations of one log, oldest first. Offsets never restart, so an offset alone names an event of *this* log;
 * the epoch tells whether the asker learned the offset from this history or from one that was lost (a restored backup,
 * a crash that took unsynced events). A bare number would make readers of a restored backup skip events in silence.
 */
export class Generations {
  readonly #rows: Generation[]

  constructor(rows: readonly Generation[]) {
    this.#rows = [...rows]
  }

  get rows(): readonly Generation[] {
    return this.#rows
  }

  get current(): string {
    const last = this.#rows.at(-1)
    if (!last) throw new HubError('internal', 'An event log has at least one generation.')
    return last.epoch
  }

  /** A new generation starts; `firstOffset` is above every offset written so far. */
  begin(generation: Generation): void {
    this.#rows.push(generation)
  }

  /** The epoch in which `offset` was written. */
  epochAt(offset: number): string {
    for (let index = this.#rows.length - 1; index > 0; index--) {
      const row = this.#rows[index]!
      if (offset >= row.firstOffset) return row.epoch
    }
    return this.#rows[0]!.epoch
  }

  /** The wire form of the place after `offset`. */
  cursor(offset: number): string {
    return formatCursor(this.epochAt(offset), offset)
  }

  /** The offset a cursor stands for, or `undefined` if this log never issued it (foreign epoch, beyond the head). */
  resolve(cursor: Cursor, head: number): number | undefined {
    const index = this.#rows.findIndex((row) => row.epoch === cursor.epoch)
    if (index < 0) return undefined
    const first = this.#rows[index]!.firstOffset
    const next = this.#rows[index + 1]?.firstOffset
    // "Before the first of this generation" is a place too: $open names it on a log that is still empty.
    const last = next === undefined ? head : next - 1
    return cursor.offset >= first - 1 && cursor.offset <= last ? cursor.offset : undefined
  }
}
