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

  /** Once for each that entered. */
  leave(): void {
    this.#used--
  }

  park(waiter: Waiter): void {
    this.#parked.add(waiter)
  }

  /** Idempotent. */
  forget(waiter: Waiter): void {
    this.#parked.delete(waiter)
  }

  /** Those that may try again while there is room: all that wait in front, up to one that will use it. */
  *woken(uses: (waiter: Waiter) => boolean): Generator<Waiter> {
    if (this.#used >= this.#limit) return
    for (const waiter of this.#parked) {
      this.#parked.delete(waiter)
      yield waiter
      if (uses(waiter)) return
    }
  }
}
