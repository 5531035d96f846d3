/**
 * So many failures one after another, and the fault is the receiver's and not that of one event. Below the attempts that
 * one event has: an event that comes alone is not given up because its receiver is down.
 */
const RESTS_AFTER = 4
/** The same when it is worth telling: more than a minute of tries that all failed. */
const SUSPENDED_AFTER = 14
/** Short at first: one that fails half the time has four failures in a row every now and then. */
const FIRST_REST_MS = 100
const LONGEST_REST_MS = 5 * 60_000
/** An answer that takes longer makes a receiver a slow one, until so many in a row were quick. */
export const SLOW_MS = 1000
const QUICK_AGAIN = 20
/** What a receiver asks for by `Retry-After` counts up to this. */
const LONGEST_ASKED_MS = 15 * 60_000

/**
 * How fast one outlet is sent to. More at once while it takes what it is sent, half as many after each failure, and when
 * nothing gets through one try now and then: a receiver that is down costs next to nothing, loses nothing and is not
 * hammered when it comes back.
 */
export class Pace {
  readonly #random: () => number
  #limit: number
  #most: number
  #streak = 0
  /** Of which event all failures of the streak are; `undefined`: of several. */
  #only: number | undefined
  #restUntil = 0
  #askedUntil = 0
  /** Quick answers before it counts as quick. */
  #slow = 0

  /** @param limit under way at once, when all is well */
  constructor(limit: number, random: () => number) {
    this.#limit = this.#most = limit
    this.#random = random
  }

  /** Another limit from now on. */
  atMost(limit: number): void {
    this.#most = this.#most === this.#limit ? limit : Math.min(this.#most, limit)
    this.#limit = limit
  }

  /** How many may be under way. */
  get most(): number {
    return this.#most
  }

  /** Nothing was taken for so long that a try is no attempt of the event it is made with: the window of it stands still. */
  get resting(): boolean {
    return this.#streak >= RESTS_AFTER
  }

  get suspended(): boolean {
    return this.#streak >= SUSPENDED_AFTER
  }

  /** The last try failed, or took long. */
  get troubled(): boolean {
    return this.#streak > 0 || this.#slow > 0
  }

  /** How long the last try took. */
  tookMs(ms: number): void {
    this.#slow = ms > SLOW_MS ? QUICK_AGAIN : Math.max(0, this.#slow - 1)
  }

  /** What was tried is not tried again before this, monotonic milliseconds. */
  get restUntil(): number {
    return this.#restUntil
  }

  /** The same of what was never tried: while only one event has failed, that may be the fault of the event. */
  get newFrom(): number {
    return this.#only === undefined ? this.#restUntil : this.#askedUntil
  }

  succeeded(): void {
    this.answered()
    this.#most = Math.min(this.#limit, this.#most + 1)
  }

  /** It is there and refuses what it was sent: no reason to slow down. */
  answered(): void {
    this.#streak = 0
    this.#only = undefined
    this.#restUntil = 0
    this.#askedUntil = 0
  }

  /** @param offset of the event @param now monotonic @param askedMs of `Retry-After` */
  failed(offset: number, now: number, askedMs = 0): void {
    this.#only = this.#streak === 0 || this.#only === offset ? offset : undefined
    this.#streak++
    this.#most = Math.max(1, Math.floor(this.#most / 2))
    const beyond = this.#streak - RESTS_AFTER
    const restMs = beyond < 0 ? 0 : Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(beyond, 20))
    this.#askedUntil = Math.max(this.#askedUntil, now + Math.min(askedMs, LONGEST_ASKED_MS))
    this.#restUntil = Math.max(this.#restUntil, this.#askedUntil, now + jittered(restMs, this.#random))
  }

  /** Somebody says that it is worth a try again. The next one decides. */
  revive(): void {
    if (this.resting) this.#streak = RESTS_AFTER - 1
    this.#restUntil = 0
    this.#askedUntil = 0
  }
}

/** By a fifth more or less, so that what failed together is not tried together. */
export function jittered(ms: number, random: () => number): number {
  return Math.round(ms * (0.8 + 0.4 * random()))
}
