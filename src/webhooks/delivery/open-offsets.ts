/** Offsets that are not settled yet, and the lowest of them: what a watermark stays below. Nearly always added in order. */
export class OpenOffsets {
  readonly #open = new Set<number>()
  /** Ascending; those before `#first`, and those that are not open any more, count for nothing. */
  #order: number[] = []
  #first = 0

  get size(): number {
    return this.#open.size
  }

  get lowest(): number | undefined {
    while (this.#first < this.#order.length && !this.#open.has(this.#order[this.#first]!)) this.#first++
    if (this.#first > 1024 && this.#first * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#first)
      this.#first = 0
    }
    return this.#order[this.#first]
  }

  has(offset: number): boolean {
    return this.#open.has(offset)
  }

  /** Idempotent. */
  add(offset: number): void {
    if (this.#open.has(offset)) return
    this.#open.add(offset)
    const last = this.#order.at(-1)
    if (last === undefined || last < offset) {
      this.#order.push(offset)
      return
    }
    this.#order = [...this.#open].sort((a, b) => a - b)
    this.#first = 0
  }

  /** Idempotent. */
  delete(offset: number): void {
    this.#open.delete(offset)
  }
}
