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
import { Pace } from './pace.ts'
import { afterAbandoning, afterDelivery, afterFailure, type Progress } from './progress.ts'
import { pauseAfter } from './retry.ts'
import { Source } from './source.ts'

/** Tried and not taken, of one outlet: with so many of them nothing new is tried. */
export const MOST_WAITING = 1000
/** Events that turn out not to be wanted, looked at in one go. */
const LOOKS = 1000
const ATTEMPTS_KEPT = 20

export interface OutletHost {
  readonly hub: Pick<Hub, 'follow' | 'cursor'>
  readonly random: () => number
  /** It may have something to send. MUST NOT throw. */
  ready(outlet: Outlet): void
  /** How far it is has changed, and is to be recorded. */
  changed(outlet: Outlet): void
  /** Something it was to be sent is gone or was given up. */
  gap(outlet: Outlet): void
}

/**
 * One thing the hub sends to, and how far it is. The log is its queue: it holds the place up to which everything was sent
 * once, and those few deliveries that were tried and have to be tried again.
 */
export class Outlet {
  #plan: Plan
  readonly #host: OutletHost
  readonly #pace: Pace
  readonly #ledger = new Ledger()
  #attempts: AttemptRecord[] = []
  #progress: Progress
  #source: Source
  #underWay = 0
  #closed = false
  #gapOwed = false

  /** @param position the offset its progress stands for */
  constructor(host: OutletHost, plan: Plan, progress: Progress, position: number) {
    this.#host = host
    this.#plan = plan
    this.#progress = progress
    this.#pace = new Pace(plan.atOnce, host.random)
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

  /** The wall clock's time from which on `next` may have something; infinity: when something changes. */
  get dueAt(): number {
    if (this.#closed || this.#progress.disabled || this.#underWay >= this.#pace.most) return Number.POSITIVE_INFINITY
    const resting = this.#pace.resting && this.#ledger.waiting.size > this.#underWay
    const due = this.#hasRoom && this.#source.hasMore ? 0 : resting ? 0 : this.#ledger.waiting.nextDue
    return Math.max(due, this.#pace.restUntil)
  }

  /** What was waiting when it was stored. */
  restore(waiting: readonly WaitingDelivery[]): void {
    this.#ledger.restore(waiting)
  }

  /** What to send next; each is settled. */
  next(now: number): Job | undefined {
    if (this.dueAt > now) return undefined
    // While nothing gets through, the same few are tried: no others join them.
    const again = this.#ledger.waiting.take(this.#pace.resting ? Number.POSITIVE_INFINITY : now)
    const job = again ? { ...again, message: undefined } : this.#first()
    if (job) this.#underWay++
    return job
  }

  settle(job: Job, result: JobResult, now: number): void {
    this.#underWay--
    if (this.#closed) return
    switch (result.kind) {
      case 'taken':
        this.#pace.succeeded()
        this.#taken(now)
        this.#ledger.settle(job.offset)
        break
      case 'refused':
        this.#pace.answered()
        this.#abandon(job.offset, result.failure)
        break
      case 'failed':
        this.#failed(job, result, now)
        break
      case 'gone':
        this.#ledger.settle(job.offset)
        if (result.expired) this.#host.gap(this)
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

  /** Another key, other grants: it goes on where it is. */
  replan(plan: Plan): void {
    const same = plan.filter.key === this.#plan.filter.key
    this.#plan = plan
    if (!same) this.#startAfter(this.#ledger.sent(this.#source.position))
    this.#host.ready(this)
  }

  /** It is worth a try again. */
  revive(now: number): void {
    this.#pace.revive()
    this.#ledger.waiting.hurry(now)
    this.#host.ready(this)
  }

  setDisabled(disabled: boolean, now: number): void {
    if (this.#progress.disabled === disabled) return
    this.#progress = { ...this.#progress, disabled }
    this.#host.changed(this)
    if (!disabled) this.revive(now)
  }

  /** Once more everything after `position`. */
  rewind(position: number): void {
    this.#startAfter(position)
    this.#host.changed(this)
    this.#host.ready(this)
  }

  /** Once more this event, whatever became of it. @returns whether there is room */
  again(offset: number, now: number): boolean {
    if (!this.#ledger.waiting.hasten(offset, now)) {
      if (this.#ledger.waiting.size >= MOST_WAITING) return false
      const cursor = this.#host.hub.cursor(this.watermark)
      this.#ledger.wait({ offset, attempts: 0, firstAt: now, dueAt: now, cursor })
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
    return JSON.stringify({ ...this.#progress, cursor: this.#host.hub.cursor(sent) } satisfies Progress)
  }

  get #hasRoom(): boolean {
    return this.#ledger.waiting.size < MOST_WAITING
  }

  #first(): Job | undefined {
    if (!this.#hasRoom) return undefined
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

  #taken(now: number): void {
    this.#progress = afterDelivery(this.#progress, now)
    if (this.#gapOwed) this.#host.gap(this)
    this.#gapOwed = false
  }

  #failed(job: Job, { failure, retryAfterMs }: JobResult & { kind: 'failed' }, now: number): void {
    // The window of an event stands still while nothing at all gets through.
    const attempts = job.attempts + (this.#pace.resting ? 0 : 1)
    this.#pace.failed(now, retryAfterMs)
    this.#progress = afterFailure(this.#progress, failure, now)
    const pause = pauseAfter(Math.max(1, attempts), this.#host.random)
    if (pause === undefined) {
      this.#abandon(job.offset, failure)
      return
    }
    const dueAt = now + Math.max(pause, retryAfterMs ?? 0)
    const { offset, cursor } = job
    this.#ledger.wait({ offset, attempts, firstAt: job.firstAt ?? now, dueAt, cursor })
  }

  /** @param failure of its receiver; none when the fault is its own */
  #abandon(offset: number, failure?: Failure): void {
    this.#progress = afterAbandoning(this.#progress, this.#host.hub.cursor(offset), failure)
    this.#ledger.settle(offset)
    this.#gapOwed = true
  }

  #startAfter(position: number): void {
    this.#source.close()
    this.#ledger.forgetUnsent()
    this.#source = this.#sourceAfter(position)
  }

  #sourceAfter(position: number): Source {
    const { hub } = this.#host
    return new Source(
      { hub, more: () => this.#host.ready(this), gap: () => this.#host.gap(this) },
      this.#plan.filter,
      position,
    )
  }
}
