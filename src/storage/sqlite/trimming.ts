import type { Database } from 'bun:sqlite'
import type { HubError } from '../../core/errors.ts'
import type { RetentionGroups, RetentionLimits } from '../retention.ts'
import type { Removed } from '../store.ts'
import { isBusy, isCorrupt, isFull } from './sqlite-error.ts'
import { StoppedGroups } from './stopped-groups.ts'
import type { Portion, Trimmer } from './trim.ts'

/** A day, at one in 15 seconds: retention that damage stops is tried again, and said again. */
const RUNS_BETWEEN_TRIES = 5_760

export interface TrimmingHost {
  readonly database: Database
  readonly groups: RetentionGroups
  readonly trimmer: Trimmer
  /** What commits are set back to. */
  readonly durability: 'full' | 'normal'
  head(): number
  /** The time of retention. */
  now(): number
  /** In a transaction, which remembers how far the log went when `work` deletes something. */
  remove<T>(work: () => T, removes: (result: T) => boolean): T
  removed(removed: Pick<Removed, 'trimmedTo' | 'removed'>): void
}

/** When retention takes its steps, between the commits, and what becomes of one that meets damage. */
export class Trimming {
  readonly #host: TrimmingHost
  readonly #stopped: StoppedGroups
  #storedSinceStep = 0
  #scheduled = false
  #runs = 0
  #closed = false

  constructor(host: TrimmingHost) {
    this.#host = host
    this.#stopped = new StoppedGroups(host.groups)
  }

  /** So many events were stored, or there may be room to delete again. */
  schedule(stored = 0): void {
    this.#storedSinceStep += stored
    if (this.#scheduled || this.#host.trimmer.due(this.#host.now()) === undefined) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#step()) this.schedule()
    })
  }

  /** Until nothing is above its limits. @returns `log-corrupt`, once a day: groups that damage has stopped */
  async run(): Promise<HubError | undefined> {
    if (++this.#runs % RUNS_BETWEEN_TRIES === 0) this.#host.trimmer.tryAgain()
    while (this.#step()) await new Promise((resolve) => setImmediate(resolve))
    return this.#stopped.take()
  }

  retain(limits: RetentionLimits): void {
    this.#host.groups.replace(limits)
    this.#host.trimmer.tryAgain()
  }

  close(): void {
    this.#closed = true
  }

  /** @returns whether there may be more to do */
  #step(): boolean {
    const { database, trimmer, durability } = this.#host
    const now = this.#host.now()
    const group = this.#closed ? undefined : trimmer.due(now)
    if (group === undefined) return false
    const stored = this.#storedSinceStep
    this.#storedSinceStep = 0
    // A trim that a power cut undoes brings its events and its horizon back together, so it need not be waited for.
    database.run('PRAGMA synchronous = NORMAL')
    let portion: Portion | undefined
    try {
      portion = trimmer.look(group, stored)
      if (portion) this.#delete(portion, now)
      else if (!trimmer.pass(group, now, this.#host.head())) this.#standStill(group)
      return true
    } catch (error) {
      // The next publish meets the full disk or the lock too, and tells; trimming is tried again after it.
      if (isFull(error) || isBusy(error)) return false
      if (!isCorrupt(error)) throw error
      if (!portion || !trimmer.takeLess(portion)) this.#standStill(group, error)
      return true
    } finally {
      if (durability === 'full') database.run('PRAGMA synchronous = FULL')
    }
  }

  #delete(portion: Portion, now: number): void {
    const { trimmer } = this.#host
    const step = this.#host.remove(
      () => trimmer.step(portion, now),
      ({ horizon }) => horizon !== undefined,
    )
    if (trimmer.done(step)) this.#host.removed({ trimmedTo: trimmer.trimmedTo, removed: step.removed })
  }

  #standStill(group: number, cause?: unknown): void {
    this.#stopped.add(group, this.#host.trimmer.standStill(group), cause)
  }
}
