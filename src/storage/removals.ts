import type { Removal } from '../core/event-log.ts'
import { Feed } from './feed.ts'
import type { RetentionGroups } from './retention.ts'
import type { Removed } from './store.ts'

/** Tells who holds events which of them are gone. */
export class Removals {
  readonly #groups: RetentionGroups
  readonly #feed = new Feed<Removal>()
  /** Per retention group, what its last trimming reached. */
  #trimmedTo: readonly number[] = []

  constructor(groups: RetentionGroups) {
    this.#groups = groups
  }

  /** The result undoes it. */
  listen(listener: (removal: Removal) => void): () => void {
    return this.#feed.listen(listener)
  }

  tell({ erased, trimmedTo }: Pick<Removed, 'erased' | 'trimmedTo'>): void {
    if (erased) this.#feed.emit(ofErased(erased))
    if (trimmedTo) this.#feed.emit(this.#ofTrimmed(trimmedTo))
  }

  #ofTrimmed(trimmedTo: readonly number[]): Removal {
    const before = this.#trimmedTo
    this.#trimmedTo = trimmedTo
    let from = Number.POSITIVE_INFINITY
    let upTo = 0
    for (const [group, offset] of trimmedTo.entries()) {
      const last = before[group] ?? 0
      if (offset <= last) continue
      from = Math.min(from, last)
      upTo = Math.max(upTo, offset)
    }
    const groups = this.#groups
    return {
      from: Math.min(from, upTo),
      upTo,
      erased: false,
      gone: ({ offset, topic }) => offset <= upTo && offset <= (trimmedTo[groups.groupOf(topic)] ?? 0),
    }
  }
}

function ofErased(erased: NonNullable<Removed['erased']>): Removal {
  if (!('topic' in erased)) {
    const only = erased.offset
    return { from: only - 1, upTo: only, erased: true, gone: ({ offset }) => offset === only }
  }
  const { topic, upTo } = erased
  return { from: 0, upTo, erased: true, gone: (event) => event.offset <= upTo && event.topic === topic }
}
