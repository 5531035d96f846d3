/** One line a kind in this time: what repeats may do so thousands of times a second. */
const QUIET_MS = 10_000

/** Which of the things that repeat are written down. A counter for each kind, so kinds are of a closed list. */
export class Repeats<Kind> {
  readonly #now: () => number
  readonly #told = new Map<Kind, { at: number; since: number }>()

  /** `now` gives monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** @returns how many of its kind were left out since the last that was not; `undefined`: leave this one out, too */
  leftOut(kind: Kind): number | undefined {
    const now = this.#now()
    const told = this.#told.get(kind)
    if (told && now - told.at < QUIET_MS) {
      told.since++
      return undefined
    }
    this.#told.set(kind, { at: now, since: 0 })
    return told?.since ?? 0
  }
}
