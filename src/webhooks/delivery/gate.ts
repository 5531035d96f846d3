/** Room for so many at once; who found none is told when there is some. */
export class Gate<Waiter> {
  readonly #limit: number
  readonly #parked = new Set<Waiter>()
  #used = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** Nobody is in it and nobody waits. */
  get idle(): boolean {
    return this.#used === 0 && this.#parked.size === 0
  }

  enter(): boolean {
    if (this.#used >= this.#limit) return false
    this.#used++
    return true
  }

  /** Once for each that entered. @returns one that may try again */
  leave(): Waiter | undefined {
    this.#used--
    const [next] = this.#parked
    if (next !== undefined) this.#parked.delete(next)
    return next
  }

  park(waiter: Waiter): void {
    this.#parked.add(waiter)
  }

  forget(waiter: Waiter): void {
    this.#parked.delete(waiter)
  }
}
