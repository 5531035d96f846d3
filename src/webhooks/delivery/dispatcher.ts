import type { Clock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import type { EventLog } from '../../core/event-log.ts'
import type { HubMetrics } from '../../core/metrics.ts'
import { failureOfStatus } from '../outbound/failure-of-status.ts'
import type { Outbound, Outcome } from '../outbound/outcome.ts'
import type { Message } from '../plan.ts'
import { signatureHeaders } from '../secret/signature.ts'
import { Gates } from './gates.ts'
import type { Job, JobResult } from './job.ts'
import type { Outlet } from './outlet.ts'

/** Of one attempt, from looking up the name to the last byte read. */
export const ATTEMPT_MS = 10_000
/** Attempts begun before other work of the event loop has its turn. */
const TURN = 64
/** Answers about what was sent, and not about who sends it, where to, or how often. */
const OF_EVENT = new Set([400, 406, 409, 415, 422])
/** How often outlets that wait for a time are looked at. */
const LOOK_MS = 100

export interface DispatcherOptions {
  clock: Clock
  log: Pick<EventLog, 'at' | 'horizon'>
  outbound: Outbound
  attempts: HubMetrics['webhookAttempts']
  /** Failures nobody foresaw. */
  report: (error: unknown) => void
}

/** Sends what outlets have, as many at once as there is room for, each in its turn. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #ready = new Set<Outlet>()
  /** They have something when its time comes. */
  readonly #delayed = new Set<Outlet>()
  readonly #gates: Gates
  readonly #undo: () => void
  readonly #stop = new AbortController()
  readonly #underWay = new Map<Promise<void>, { outlet: Outlet; began: number }>()
  #scheduled = false
  #stopping = false

  constructor(options: DispatcherOptions) {
    this.#options = options
    const { clock } = options
    this.#gates = new Gates(
      (outlet) => this.ready(outlet),
      (outlet) => outlet.dueAt <= clock.monotonic(),
    )
    this.#undo = clock.every(LOOK_MS, () => this.#look())
  }

  /** Attempts under way. */
  get underWay(): number {
    return this.#underWay.size
  }

  /** `outlet` may have something to send. */
  ready(outlet: Outlet): void {
    if (this.#stopping) return
    this.#delayed.delete(outlet)
    this.#ready.add(outlet)
    if (this.#scheduled) return
    this.#scheduled = true
    void this.#turns()
  }

  forget(outlet: Outlet): void {
    this.#ready.delete(outlet)
    this.#delayed.delete(outlet)
    this.#gates.forget(outlet)
  }

  /** Nothing new is sent; what is under way has `patienceMs` to end. Nothing of what does not counts as tried. */
  async stop(patienceMs: number): Promise<void> {
    this.#stopping = true
    this.#undo()
    this.#ready.clear()
    this.#delayed.clear()
    let late: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise<void>((resolve) => {
      late = setTimeout(resolve, patienceMs)
    })
    await Promise.race([Promise.all(this.#underWay.keys()), patience])
    clearTimeout(late)
    this.#stop.abort()
    await Promise.all(this.#underWay.keys())
  }

  #look(): void {
    const now = this.#options.clock.monotonic()
    for (const outlet of this.#delayed) if (outlet.dueAt <= now) this.ready(outlet)
    // Before it ends: while it lasts, its owner would take the places of the quick ones.
    for (const { outlet, began } of this.#underWay.values()) outlet.lingers(now - began)
  }

  async #turns(): Promise<void> {
    const { clock } = this.#options
    do {
      // Publishers are answered first, and sockets have their turn.
      await clock.yield()
      if (this.#stopping) return
      this.#turn(clock.monotonic())
    } while (this.#ready.size > 0)
    this.#scheduled = false
  }

  #turn(now: number): void {
    // Those that come back meanwhile have their turn in the next one.
    for (const outlet of [...this.#ready].slice(0, TURN)) {
      this.#ready.delete(outlet)
      const { dueAt } = outlet
      if (dueAt > now) {
        if (dueAt < Number.POSITIVE_INFINITY) this.#delayed.add(outlet)
        continue
      }
      const leave = this.#gates.enter(outlet)
      if (!leave) continue
      const job = outlet.next()
      if (!job) {
        leave()
        // It was woken for nothing, and what waits has its time.
        if (outlet.dueAt > now && outlet.dueAt < Number.POSITIVE_INFINITY) this.#delayed.add(outlet)
        continue
      }
      const attempt = this.#attempt(outlet, job, leave)
      this.#underWay.set(attempt, { outlet, began: now })
      void attempt.finally(() => this.#underWay.delete(attempt))
      // Behind all others.
      this.#ready.add(outlet)
    }
  }

  async #attempt(outlet: Outlet, job: Job, leave: () => void): Promise<void> {
    let result: JobResult | undefined
    try {
      const message = job.message ?? (await this.#again(outlet, job))
      result = 'kind' in message ? message : await this.#send(outlet, job, message)
    } catch (error) {
      this.#options.report(error)
      result = { kind: 'postponed' }
    }
    leave()
    if (result) outlet.settle(job, result)
    else outlet.putBack()
  }

  /** Of an event that was tried before. */
  async #again(outlet: Outlet, job: Job): Promise<Message | (JobResult & { kind: 'gone' })> {
    const { log } = this.#options
    const event = await log.at(job.offset).catch(ifDamaged)
    if (event === 'damaged') return { kind: 'gone', expired: true }
    if (!event) return { kind: 'gone', expired: log.horizon(outlet.plan.filter).offset >= job.offset }
    const message = outlet.messageOf(event, job)
    // Too large it was not when it was tried first.
    return message === 'too-large' || !message ? { kind: 'gone', expired: false } : message
  }

  /** `undefined`: it was cut off, because the hub stops. */
  async #send(outlet: Outlet, job: Job, { id, body, headers }: Message): Promise<JobResult | undefined> {
    const { clock, outbound, attempts } = this.#options
    const { plan } = outlet
    const now = clock.now()
    const began = clock.monotonic()
    const outcome = await outbound.post({
      url: plan.url,
      rule: plan.rule,
      headers: { ...headers, ...signatureHeaders({ id, body, keys: plan.keys(now), now }) },
      body,
      timeoutMs: ATTEMPT_MS,
      // The status says it all: a body that breaks off takes back nothing.
      readBytes: 0,
      signal: this.#stop.signal,
    })
    if (this.#stop.signal.aborted && outcome.kind === 'failed') return undefined
    const ms = clock.monotonic() - began
    const result = resultOf(outcome)
    attempts.add(plan.kind, 'failure' in result ? result.failure : result.kind)
    outlet.note(
      {
        time: new Date(now).toISOString(),
        message: id,
        attempt: job.attempts + 1,
        status: outcome.kind === 'answered' ? outcome.status : null,
        error: 'failure' in result ? result.failure : null,
        ms: Math.round(ms),
      },
      ms,
    )
    return result
  }
}

/** SEP-3415: 410 and 413 are never tried again, and end nothing but this one delivery. */
function resultOf(outcome: Outcome): JobResult {
  if (outcome.kind === 'failed') return { ...outcome, retryAfterMs: undefined, ofEvent: false }
  const { status, retryAfterMs } = outcome
  if (status >= 200 && status < 300) return { kind: 'taken' }
  if (status === 410 || status === 413) return { kind: 'refused', failure: 'http_4xx' }
  return { kind: 'failed', failure: failureOfStatus(status), retryAfterMs, ofEvent: OF_EVENT.has(status) }
}

/** What lies on a damaged page of the disk is there at no later attempt either. */
function ifDamaged(error: unknown): 'damaged' {
  if (error instanceof HubError && error.code === 'log-corrupt') return 'damaged'
  throw error
}
