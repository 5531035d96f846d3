import { HubError } from '../../core/errors.ts'
import type { RetentionGroups } from '../retention.ts'

/** Of those that one line names. */
const NAMED = 10

/** Retention groups that damage stopped, until that has been said. */
export class StoppedGroups {
  readonly #groups: RetentionGroups
  #untold: { group: number; offset: number; cause: unknown }[] = []

  constructor(groups: RetentionGroups) {
    this.#groups = groups
  }

  /** @param offset the lowest that a step of the group could not delete */
  add(group: number, offset: number, cause: unknown): void {
    this.#untold.push({ group, offset, cause })
  }

  /** @returns `log-corrupt` with all that was not told yet, if anything */
  take(): HubError | undefined {
    const untold = this.#untold
    if (untold.length === 0) return undefined
    this.#untold = []
    const named = untold
      .slice(0, NAMED)
      .map(({ group, offset }) => `${this.#groups.nameOf(group)} from offset ${offset} on`)
    const more = untold.length > NAMED ? ` and ${untold.length - NAMED} more rules` : ''
    return new HubError(
      'log-corrupt',
      `The event log is damaged where the oldest events lie of ${named.join(', ')}${more}. They cannot be deleted, and what came after them is kept too. Stop the hub and restore a backup, or export what is whole.`,
      { cause: untold[0]?.cause },
    )
  }
}
