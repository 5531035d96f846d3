import type { Clock } from '../../core/clock.ts'
import type { StoredEvent } from '../../core/event.ts'
import type { Removal } from '../../core/event-log.ts'
import { filterTopic, filterType } from '../../core/filter.ts'
import type { Hub } from '../../core/hub.ts'
import type { OutletChange, WaitingDelivery } from '../../core/outlet-store.ts'
import type { Failure } from '../outbound/outcome.ts'
import type { Plan } from '../plan.ts'
import type { AttemptRecord, OutletState } from '../summary.ts'
import type { Job, JobResult } from './job.ts'
import { Ledger } from './ledger.ts'
import { OwedGap } from './owed-gap.ts'
import { Pace, SLOW_MS } from './pace.ts'
import { afterAbandoning, afterDelivery, afterFailure, type Progress } from './progress.ts'
import { LONGEST_PAUSE_MS, pauseAfter } from './retry.ts'
import { Source } from './source.ts'

/** Tried and not taken, of one outlet: with so many of them nothing new is tried. */
export const MOST_WAITING = 1000
/** Events that turn out not to be wanted, looked at in one go. */
const LOOKS = 50
/** After a failure of the hub itself. */
const POSTPONED_MS = 5000
const ATTEMPTS_KEPT = 20

export interface OutletHost {
  readonly hub: Pick<Hub, 'follow' | 'cursor'>
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'random'>
  /** It may have something to send. MUST NOT throw. */
  ready(outlet: Outlet): void
  /** How far it is has changed, and is to be recorded. */
  changed(outlet: Outlet): void
  /** Tells it that something it was to be sent is gone or was given up. Resolves to whether it has heard. */
  gap(outlet: Outlet): Promise<boolean>
}

/**
 * One thing the hub sends to, and how far it is. The log is its queue: it holds the place up to which everything was sent
 * once, and those few deliveries that were tried and have to be tried again.
 */
export class Outlet {
  #plan: Plan
  readonly #host: OutletHost
  readonly #pace: Pace
  readonly #ledger: Ledger
  #attempts: AttemptRecord[] = []
  #progress: Progress
  #source: Source
  #underWay = 0
  #closed = false
  readonly #gap: OwedGap
  /** The last one was no new event. */
  #triedAgain = false

  /** @param position the offset its progress stands for */
  constructor(host: OutletHost, plan: Plan, progress: Progress, position: number) {
    this.#host = host
    this.#plan = plan
    this.#progress = progress
    this.#pace = new Pace(plan.atOnce, host.clock.random)
    this.#ledger = new Ledger(host.clock)
    this.#gap = new OwedGap({ owed: progress.gapOwed, tell: () => host.gap(this), changed: () => host.changed(this) })
    this.#source = this.#sourceAfter(position)
  }

  get plan(): Plan {
    return this.#plan
  }

  get id(): string {
    return this.#plan.id
  }

  get closed(): boolean {
    return this.#closed
  }

  get progress(): Readonly<Progress> {
    return this.#progress
  }

  get attempts(): readonly AttemptRecord[] {
    return this.#attempts
  }

  get waiting(): number {
    return this.#ledger.waiting.size
  }

  get underWay(): number {
    return this.#underWay
  }

  /** It fails, or is slow. */
  get troubled(): boolean {
    return this.#pace.troubled
  }

  get state(): OutletState {
    if (this.#progress.disabled) return 'disabled'
    return this.#pace.suspended ? 'suspended' : 'active'
  }

  /** Everything that it wants up to this offset was taken or given up (SEP-3415: the watermark). */
  get watermark(): number {
    return this.#ledger.watermark(this.#source.position)
  }

  /** The monotonic time from which on `next` may have something; infinity: when something changes. */
  get dueAt(): number {
    if (this.#closed || this.#progress.disabled || this.#underWay >= this.#pace.most) return Number.POSITIVE_INFINITY
    return Math.min(this.#newFrom, this.#againFrom)
  }

  /** What was waiting when it was stored. */
  restore(waiting: readonly WaitingDelivery[]): void {
    this.#ledger.restore(waiting)
  }

  /** The log is another one than that of its progress: what waited is gone, and whatever was in between. */
  startOver(waiting: readonly WaitingDelivery[]): void {
    this.#ledger.discard(waiting)
    this.#miss()
  }

  /** What to send next; each is settled. */
  next(): Job | undefined {
    const now = this.#host.clock.monotonic()
    if (this.dueAt > now) return undefined
    const mayTryAgain = this.#againFrom <= now
    // While nothing gets through, new ones take turns with those that were tried: it may be those that are at fault.
    const newFirst = this.#pace.resting && this.#triedAgain && this.#newFrom <= now
    let job = mayTryAgain && !newFirst ? this.#again(now) : undefined
    if (!job && this.#newFrom <= now) job = this.#first()
    if (!job && mayTryAgain) job = this.#again(now)
    if (!job) return undefined
    this.#triedAgain = job.message === undefined
    this.#underWay++
    return job
  }

  settle(job: Job, result: JobResult): void {
    this.#underWay--
    if (this.#closed) return
    switch (result.kind) {
      case 'taken':
        this.#pace.succeeded()
        this.#progress = afterDelivery(this.#progress, this.#host.clock.now())
        this.#ledger.settle(job.offset)
        this.#gap.tell()
        break
      case 'refused':
        this.#pace.answered()
        this.#abandon(job.offset, result.failure)
        break
      case 'failed':
        this.#failed(job, result)
        break
      case 'postponed':
        this.#wait(job, job.attempts, POSTPONED_MS)
        break
      case 'gone':
        this.#ledger.settle(job.offset)
        if (result.expired) this.#miss()
    }
    this.#host.changed(this)
    this.#host.ready(this)
  }

  /** Nothing became of it, because the hub stops: it is tried again after the next start. */
  putBack(): void {
    this.#underWay--
  }

  /** For what is made again: the message of an event that the log still has, if it is still wanted. */
  messageOf(event: StoredEvent, { cursor }: Job): ReturnType<Plan['message']> {
    const { filter } = this.#plan
    if (!filterTopic(filter, event.topic) || !filterType(filter, event.type)) return undefined
    return this.#plan.message(event, cursor)
  }

  /** @param ms how long it took */
  note(record: AttemptRecord, ms: number): void {
    this.#pace.tookMs(ms)
    this.#attempts = [...this.#attempts.slice(1 - ATTEMPTS_KEPT), record]
  }

  /** An attempt goes on for `ms` already. */
  lingers(ms: number): void {
    if (ms > SLOW_MS) this.#pace.tookMs(ms)
  }

  /** Another key, other grants: it goes on where it is. */
  replan(plan: Plan): void {
    const same = plan.filter.key === this.#plan.filter.key
    this.#plan = plan
    this.#pace.atMost(plan.atOnce)
    if (!same) this.#startAfter(this.#ledger.sent(this.#source.position))
    this.#host.ready(this)
  }

  /** It is worth a try again. */
  revive(): void {
    this.#pace.revive()
    this.#ledger.waiting.hurry(this.#host.clock.monotonic())
    this.#host.ready(this)
  }

  setDisabled(disabled: boolean): void {
    if (this.#progress.disabled === disabled) return
    this.#progress = { ...this.#progress, disabled }
    this.#host.changed(this)
    if (disabled) this.#letGo()
    else this.revive()
  }

  /** Once more everything after `position`, and what it was not sent yet. */
  rewind(position: number): void {
    this.#startAfter(Math.min(position, this.#ledger.sent(this.#source.position)))
    this.#host.changed(this)
    this.#host.ready(this)
  }

  /** Once more this event, whatever became of it. @returns whether there is room */
  again(offset: number): boolean {
    const { clock, hub } = this.#host
    const dueAt = clock.monotonic()
    if (!this.#ledger.waiting.hasten(offset, dueAt)) {
      if (!this.#hasRoom) return false
      const cursor = hub.cursor(this.watermark)
      this.#ledger.wait({ offset, attempts: 0, firstAt: clock.now(), dueAt, cursor })
    }
    this.#host.changed(this)
    this.#host.ready(this)
    return true
  }

  /** What was erased is not sent. */
  forget(removal: Removal): void {
    for (const event of this.#source.forget(removal)) this.#ledger.settle(event.offset)
  }

  /** Nothing more is sent. Idempotent. */
  close(): void {
    this.#closed = true
    this.#source.close()
  }

  /** As it is to be recorded, and what of it changed since this was asked last. */
  change(): OutletChange {
    return { id: this.id, progress: this.progressText, ...this.#ledger.change() }
  }

  /** It could not be recorded: the next change has it too. */
  keep(change: OutletChange): void {
    this.#ledger.keep(change)
  }

  get progressText(): string {
    const sent = this.#ledger.sent(this.#source.position)
    return JSON.stringify({
      ...this.#progress,
      cursor: this.#host.hub.cursor(sent),
      gapOwed: this.#gap.owed,
    } satisfies Progress)
  }

  get #hasRoom(): boolean {
    return this.#ledger.waiting.size < MOST_WAITING
  }

  get #newFrom(): number {
    return this.#hasRoom && this.#source.hasMore ? this.#pace.newFrom : Number.POSITIVE_INFINITY
  }

  get #againFrom(): number {
    const due = this.#ledger.waiting.nextDue
    // While nothing gets through it is the rest that counts, and not the pauses of each.
    const first = this.#pace.resting && due < Number.POSITIVE_INFINITY ? 0 : due
    return Math.max(first, this.#pace.restUntil)
  }

  #again(now: number): Job | undefined {
    const waiting = this.#ledger.waiting.take(this.#pace.resting ? Number.POSITIVE_INFINITY : now)
    return waiting && { ...waiting, message: undefined }
  }

  #first(): Job | undefined {
    for (let looked = 0; looked < LOOKS; looked++) {
      const before = this.#source.inHand.length
      const event = this.#source.next()
      if (!event) return undefined
      // Before any of them is sent: none of what is in hand counts as taken.
      if (before === 0) for (const each of [event, ...this.#source.inHand]) this.#ledger.take(each.offset)
      const cursor = this.#host.hub.cursor(this.watermark)
      const message = this.#plan.message(event, cursor)
      if (message === 'too-large') this.#abandon(event.offset)
      else if (message) return { offset: event.offset, attempts: 0, firstAt: undefined, cursor, message }
      else this.#ledger.settle(event.offset)
    }
    this.#host.ready(this)
    return undefined
  }

  #failed(job: Job, { failure, retryAfterMs, ofEvent }: JobResult & { kind: 'failed' }): void {
    const { clock } = this.#host
    // The window of an event stands still while nothing at all gets through.
    const attempts = job.attempts + (this.#pace.resting && !ofEvent ? 0 : 1)
    if (ofEvent) this.#pace.answered()
    else this.#pace.failed(job.offset, clock.monotonic(), retryAfterMs)
    this.#progress = afterFailure(this.#progress, failure, clock.now())
    const pause = pauseAfter(Math.max(1, attempts), clock.random)
    if (pause === undefined) this.#abandon(job.offset, failure)
    else this.#wait(job, attempts, Math.min(Math.max(pause, retryAfterMs ?? 0), LONGEST_PAUSE_MS))
    if (this.#pace.resting) this.#letGo()
  }

  /** What is in hand is in the log as well, and thousands that rest would hold a lot. */
  #letGo(): void {
    if (this.#underWay === 0 && this.#source.inHand.length > 0)
      this.#startAfter(this.#ledger.sent(this.#source.position))
  }

  #wait({ offset, firstAt, cursor }: Job, attempts: number, pauseMs: number): void {
    const { clock } = this.#host
    const dueAt = clock.monotonic() + pauseMs
    this.#ledger.wait({ offset, attempts, firstAt: firstAt ?? clock.now(), dueAt, cursor })
  }

  /** @param failure of its receiver; none when the fault is its own */
  #abandon(offset: number, failure?: Failure): void {
    this.#progress = afterAbandoning(this.#progress, this.#host.hub.cursor(offset), failure)
    this.#ledger.settle(offset)
    // Told with the next one that is taken: by then somebody listens.
    this.#gap.owe()
  }

  /** Events between what it was sent and what comes next are gone. */
  #miss(): void {
    this.#gap.owe()
    if (!this.#pace.troubled && !this.#closed) this.#gap.tell()
  }

  #startAfter(position: number): void {
    this.#source.close()
    this.#ledger.forgetUnsent()
    this.#source = this.#sourceAfter(position)
  }

  #sourceAfter(position: number): Source {
    const { hub } = this.#host
    return new Source({ hub, more: () => this.#host.ready(this), gap: () => this.#miss() }, this.#plan.filter, position)
  }
}
