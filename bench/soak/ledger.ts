/** Failures are kept one by one up to here; beyond it only their number is. */
const KEPT = 40

/** What the load did and what went wrong. While the hub is being restarted a failed request is no failure. */
export class Ledger {
  readonly counts = new Map<string, number>()
  readonly unexpected: string[] = []
  unexpectedCount = 0
  /** `performance.now()` until which nobody is surprised by a failure. */
  #awayUntil = 0

  count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by)
  }

  /** The hub is stopped; `back` ends it. */
  away(): void {
    this.#awayUntil = Number.POSITIVE_INFINITY
  }

  /** Answers that were on their way when the hub went may still fail for a moment. */
  back(): void {
    this.#awayUntil = performance.now() + 2_000
  }

  get isAway(): boolean {
    return performance.now() < this.#awayUntil
  }

  failed(what: string, error: unknown): void {
    if (this.isAway) this.count('requests that failed while the hub was away')
    else this.wrong(`${what}: ${error instanceof Error ? error.message : String(error)}`)
  }

  /** Nothing excuses this. */
  wrong(sentence: string): void {
    this.unexpectedCount++
    if (this.unexpected.length < KEPT) this.unexpected.push(sentence)
  }
}
