/** Above this nothing new is counted: labels come from closed lists, and a fault in one of them must not fill the memory. */
const MOST = 1000

/** How often something happened, by labels out of closed lists. */
export class Counts<Labels extends readonly string[]> {
  readonly #entries = new Map<string, { labels: Labels; count: number }>()

  /** Those that are there from the start, as 0: a rate misses the first of what appears out of nowhere. */
  constructor(known: readonly Labels[] = []) {
    for (const labels of known) this.#entries.set(labels.join('\n'), { labels, count: 0 })
  }

  add(...labels: Labels): void {
    const key = labels.join('\n')
    const entry = this.#entries.get(key)
    if (entry) entry.count++
    else if (this.#entries.size < MOST) this.#entries.set(key, { labels, count: 1 })
  }

  [Symbol.iterator](): Iterator<Readonly<{ labels: Labels; count: number }>> {
    return this.#entries.values()
  }
}
