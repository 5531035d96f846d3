import { Distribution } from './distribution.ts'

/** Events and the sum of their `bytes`, which is what retention counts. */
export interface Amount {
  readonly events: number
  readonly bytes: number
}

export const NOTHING: Amount = Object.freeze({ events: 0, bytes: 0 })

export function sum(amounts: readonly Amount[]): Amount {
  return amounts.reduce(
    (all, { events, bytes }) => ({ events: all.events + events, bytes: all.bytes + bytes }),
    NOTHING,
  )
}

/** What an event log holds and does, as numbers that are there anyway: nothing is looked up for them. */
export class LogStats {
  /** From handing a transaction to the disk until it is as durable as the configuration says. */
  readonly commits = new Distribution()
  #kept: Amount
  #trimmed: Amount = NOTHING
  #erased: Amount = NOTHING
  /** Receipt time of the oldest kept event, milliseconds; `undefined` when nothing is kept. */
  oldestReceived: number | undefined

  constructor(kept: Amount, oldestReceived: number | undefined) {
    this.#kept = kept
    this.oldestReceived = oldestReceived
  }

  /** For a moment it may count an event that is gone, or the other way round: commits and removals are told apart. */
  get kept(): Amount {
    return this.#kept
  }

  /** By retention, since the start. */
  get trimmed(): Amount {
    return this.#trimmed
  }

  /** On demand, since the start. */
  get erased(): Amount {
    return this.#erased
  }

  stored(amount: Amount): void {
    this.#kept = sum([this.#kept, amount])
  }

  removed({ events, bytes }: Amount, how: 'trimmed' | 'erased'): void {
    this.#kept = sum([this.#kept, { events: -events, bytes: -bytes }])
    if (how === 'trimmed') this.#trimmed = sum([this.#trimmed, { events, bytes }])
    else this.#erased = sum([this.#erased, { events, bytes }])
  }
}
