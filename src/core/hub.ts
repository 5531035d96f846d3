import { Admission, type AdmissionLimits } from './admission.ts'
import { CatchUp } from './catch-up.ts'
import type { Clock } from './clock.ts'
import type { CloseReason } from './close-reason.ts'
import { type ClosedStream, closedOccupant, closedStream } from './closed-stream.ts'
import { ConnectionIds } from './connection-id.ts'
import { type ConnectionSummary, connectionSummary } from './connection-summary.ts'
import type { ConnectionKind, ConnectionLimits } from './connections.ts'
import { HubError } from './errors.ts'
import type { Draft } from './event.ts'
import type { EventLog, Receipt } from './event-log.ts'
import { FanOut } from './fan-out.ts'
import type { Filter } from './filter.ts'
import { type HistoryPage, type HistoryQuery, type PageRoom, readHistory } from './history.ts'
import { lifetime } from './lifetime.ts'
import { type HubGauges, HubMetrics } from './metrics.ts'
import type { Occupant, OccupantStream } from './occupant.ts'
import { everyOnTime } from './on-time.ts'
import type { Principal } from './principal.ts'
import type { Reader } from './reader.ts'
import { HUB_ITSELF, Readers } from './readers.ts'
import { type Begin, resolveStart, type Start } from './start.ts'
import { Subscription } from './subscription.ts'
import type { SubscriptionHost, SubscriptionLimits, SubscriptionState } from './subscription-host.ts'
import { newestEvents, Tail } from './tail.ts'

export interface HubLimits extends SubscriptionLimits, AdmissionLimits, ConnectionLimits {
  /** Bytes of recent events kept in memory. */
  tailBytes: number
}

export interface HubOptions {
  log: EventLog
  clock: Clock
  /** Read whenever they count: what is put in their place counts from then on, but for `tailBytes`. */
  limits: HubLimits
  /** Failures that end one stream and that nobody foresaw. */
  report: (error: unknown) => void
  /** Throws to refuse all that one request publishes; points as `EventLog.append` does. */
  check?: ((drafts: readonly Draft[]) => void) | undefined
  /** Told of every stream of a client that has ended. MUST NOT throw. */
  closed?: ((stream: ClosedStream) => void) | undefined
}

export interface SubscribeRequest extends Pick<Reader, 'principal' | 'address'> {
  filter: Filter
  start: Start | undefined
  /** Of a stream of events; left out for what reads for MCP. */
  kind?: ConnectionKind
}

const SWEEP_MS = 1000

/**
 * Publish and fan-out in one process.
 *
 * Publishes are totally ordered by the log. A subscription sees a subsequence of that order, without a hole and never out
 * of it, or is told of the gap. Nobody sees an event before it is durable, and `publish` never waits for a reader: one
 * that cannot keep up reads from the log again, and one that takes nothing is closed with `slow-consumer`.
 */
export class Hub {
  readonly log: EventLog
  readonly metrics: HubMetrics
  /** Whether something new may begin. */
  readonly admission: Admission
  /** An offset in its wire form; a field, so that ten thousand streams share one function. */
  readonly cursor: (offset: number) => string
  readonly #clock: Clock
  readonly #limits: HubLimits
  readonly #report: (error: unknown) => void
  readonly #check: HubOptions['check']
  readonly #closed: HubOptions['closed']
  readonly #tail: Tail
  readonly #catchUp: CatchUp
  readonly #fanOut: FanOut
  readonly #readers: Readers
  readonly #ids: ConnectionIds
  readonly #host: SubscriptionHost & { now: number }
  readonly #undo: (() => void)[]
  #sweeping = false

  /** Fills the tail from the log: the commonest replay is the one after a restart. */
  static async open(options: HubOptions): Promise<Hub> {
    const { log, limits } = options
    let newest = await newestEvents(log, limits.tailBytes)
    // What was committed meanwhile would be missing from a tail that says it covers it.
    while (newest.head !== log.head) newest = await newestEvents(log, limits.tailBytes)
    return new Hub(options, new Tail(limits.tailBytes, newest))
  }

  private constructor({ log, clock, limits, report, check, closed }: HubOptions, tail: Tail) {
    this.log = log
    this.metrics = new HubMetrics(clock)
    this.cursor = (offset) => log.generations.cursor(offset)
    this.#clock = clock
    this.#limits = limits
    this.#report = report
    this.#check = check
    this.#closed = closed
    this.#tail = tail
    this.#readers = new Readers(limits, clock)
    this.#ids = new ConnectionIds(() => clock.random())
    this.admission = new Admission({ log, clock, limits, readers: this.#readers })
    this.#catchUp = new CatchUp(log, tail, clock, this.metrics)
    this.#fanOut = new FanOut(clock, this.metrics.deliveryDelay, log.head)
    this.#host = {
      limits,
      metrics: this.metrics,
      now: clock.monotonic(),
      catchUp: (subscription, after) =>
        void this.#catchUp.step(subscription, after).catch((error) => this.#fail(subscription, error)),
      cursor: this.cursor,
      retryMs: (reason) => this.admission.retryMs(reason),
      changed: (subscription, to) => this.#changed(subscription, to),
    }
    this.#undo = [
      log.onCommit((commit) => {
        this.#tail.push(commit)
        this.metrics.publishedEvents += commit.events.length
        for (const event of commit.events) this.metrics.publishedBytes += event.bytes
        return this.#fanOut.pass(commit)
      }),
      log.onRemoval((removal) => {
        this.#tail.forget(removal)
        this.#fanOut.forget(removal)
        this.#catchUp.forget(removal)
        if (removal.erased) for (const subscription of this.#readers) subscription.forget(removal)
      }),
      log.onFailure(() => {
        this.admission.fail()
        void this.#closeAll('log-failed')
      }),
      everyOnTime(clock, SWEEP_MS, {
        run: () => void this.#sweep(),
        late: (seconds) => this.metrics.loopLag.observe(seconds),
      }),
    ]
  }

  get connections(): number {
    return this.#readers.clients
  }

  /** Streams of clients with ids above `after`, oldest first. */
  summaries({ after, most }: { after: string; most: number }): ConnectionSummary[] {
    const now = this.#clock.now()
    const context = { cursor: this.cursor, head: this.log.head, now, monotonic: this.#clock.monotonic() }
    return this.#readers.page(after, most).flatMap((each) => connectionSummary(each, context) ?? [])
  }

  /** Ends the stream of a client. @returns whether there was one with this id */
  cutOff(id: string): boolean {
    return this.#readers.end(id, 'cut-off')
  }

  /** Different filters that are subscribed to. */
  get audiences(): number {
    return this.#fanOut.audiences
  }

  /** How things are now. Looks at every reader: 10,000 of them take less than a millisecond. */
  gauges(): HubGauges {
    return { ...this.#readers.gauges(), audiences: this.audiences }
  }

  /**
   * The one way in for every event. Resolves when they are durable and have been offered to every live reader.
   * @throws as `EventLog.append` and the check
   */
  async publish(drafts: readonly Draft[]): Promise<Receipt[]> {
    this.admission.requireOpen()
    this.#check?.(drafts)
    return this.log.append(drafts)
  }

  /**
   * A place among the connections for a stream that is no subscription. The result gives it back, with why the stream
   * ended, and may be called twice.
   * @throws HubError `overloaded`, `draining`, `log-failed`
   */
  occupy(reader: Occupant['reader'], stream: OccupantStream): (reason: CloseReason) => void {
    this.admission.requireRoom(reader)
    const occupant = { id: this.#ids.next(), reader, openedAt: this.#clock.monotonic(), stream }
    this.#readers.addOccupant(occupant)
    return (reason) => {
      if (!this.#readers.removeOccupant(occupant)) return
      this.#noteClosed(closedOccupant(occupant, reason, this.#clock.monotonic()))
    }
  }

  /** `filter` has been narrowed to the grants of `principal`: whatever it matches is delivered. */
  subscribe({ filter, start, principal, address, kind = 'mcp' }: SubscribeRequest): Subscription {
    const ends = lifetime(principal, this.#limits.maxAgeMs, this.#clock)
    const subscription = this.#subscription(filter, { principal, address, kind, ...ends })
    this.#readers.addClient(subscription)
    return this.#begin(subscription, start)
  }

  /**
   * The same for the hub's own part that sends events somewhere: no connection, so that no cap counts it, and without an
   * age. It waits as soon as it has taken, so that it is never taken for a stalled reader.
   */
  follow({ filter, start }: Pick<SubscribeRequest, 'filter' | 'start'>): Subscription {
    const subscription = this.#subscription(filter, HUB_ITSELF)
    this.#readers.addFollower(subscription)
    return this.#begin(subscription, start)
  }

  /** Asks `judge` about the principal of every stream, and closes those it has a reason for. */
  async reconsider(judge: (principal: Principal) => CloseReason | undefined): Promise<void> {
    const verdicts = new Map<Principal, CloseReason | undefined>()
    await this.#readers.visitClients((subscription) => {
      const { principal } = subscription.reader
      if (!verdicts.has(principal)) verdicts.set(principal, judge(principal))
      const reason = verdicts.get(principal)
      if (reason) subscription.close(reason)
    })
  }

  async history(query: HistoryQuery, room: PageRoom): Promise<HistoryPage> {
    for (;;) {
      const before = this.#catchUp.erasures
      const page = await readHistory(this.log, query, room)
      if (this.#catchUp.erasures === before) return page
    }
  }

  /** No more publishes or new streams; every stream is told and ended, many of them over up to `withinMs`. Resolves when all have been told. */
  async drain(withinMs = 0): Promise<void> {
    const departure = this.admission.depart(withinMs)
    const reason = this.admission.state === 'failed' ? 'log-failed' : 'shutdown'
    await departure.each([...this.#readers], (subscription) => subscription.close(reason))
  }

  /** Releases what the hub registered. The log is its owner's to close. */
  close(): void {
    for (const undo of this.#undo) undo()
  }

  #subscription(filter: Filter, reader: Reader): Subscription {
    return new Subscription(this.#host, this.#ids.next(), this.#fanOut.audience(filter), reader)
  }

  #begin(subscription: Subscription, start: Start | undefined): Subscription {
    this.#catchUp.enter()
    const begin: Begin = (position, toldHorizon, deliveries) => subscription.start(position, toldHorizon, deliveries)
    const wanted = (): boolean => subscription.state !== 'closed'
    resolveStart(this.log, subscription.filter, start, begin, wanted)?.catch((error) => this.#fail(subscription, error))
    return subscription
  }

  #changed(subscription: Subscription, to: SubscriptionState): void {
    if (to === 'live') {
      this.#catchUp.leave()
      this.#fanOut.join(subscription)
      return
    }
    const wasLive = subscription.audience.members.has(subscription)
    this.#fanOut.leave(subscription)
    if (to === 'catching-up') {
      this.metrics.fellBack++
      this.#catchUp.enter()
    } else {
      if (!wasLive) this.#catchUp.leave()
      this.#noteClosed(closedStream(subscription, this.#clock.monotonic()))
      this.#readers.remove(subscription)
      this.#fanOut.release(subscription.audience)
    }
  }

  #noteClosed(stream: ClosedStream | undefined): void {
    if (!stream) return
    this.metrics.closed.add(stream.reason)
    this.#closed?.(stream)
  }

  #fail(subscription: Subscription, error: unknown): void {
    // A log that failed or is being closed has said so itself, once and not for each reader.
    const known = error instanceof HubError && (error.code === 'log-failed' || error.code === 'log-closed')
    if (!known) this.#report(error)
    subscription.close(known ? 'log-failed' : 'internal')
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping) return
    this.#sweeping = true
    try {
      const horizon = (subscription: Subscription): number => this.log.horizon(subscription.audience.filter).offset
      this.#host.now = this.#clock.monotonic()
      await this.#readers.visit((subscription) => subscription.sweep(this.#host.now, this.#fanOut.done, horizon))
    } finally {
      this.#sweeping = false
    }
  }

  #closeAll(reason: CloseReason): Promise<void> {
    return this.#readers.visit((subscription) => subscription.close(reason))
  }
}
