import type { Clock } from '../../core/clock.ts'
import { parseCursor } from '../../core/cursor.ts'
import { HubError } from '../../core/errors.ts'
import type { Hub } from '../../core/hub.ts'
import type { OutletStore, WaitingDelivery } from '../../core/outlet-store.ts'
import type { Outbound } from '../outbound/outcome.ts'
import type { Plan } from '../plan.ts'
import { Dispatcher } from './dispatcher.ts'
import { type Notice, Notices } from './notices.ts'
import { Outlet, type OutletHost } from './outlet.ts'
import type { Progress } from './progress.ts'
import { Recorder } from './recorder.ts'

export interface OutletsOptions {
  hub: Pick<Hub, 'follow' | 'cursor' | 'log' | 'metrics'>
  clock: Clock
  store: OutletStore
  outbound: Outbound
  eventsOnly: ReadonlySet<string>
  /** Sentences for the operator. */
  warn: (sentence: string) => void
  report: (error: unknown) => void
}

/** Between two lines about what one forward missed. */
const WARN_MS = 60_000

/** Everything the hub sends by itself: outlets, and what runs them. */
export class Outlets {
  readonly #options: OutletsOptions
  readonly #outlets = new Map<string, Outlet>()
  readonly #dispatcher: Dispatcher
  readonly #notices: Notices
  readonly #recorder: Recorder
  readonly #host: OutletHost
  readonly #warned = new Map<string, number>()
  readonly #undo: () => void

  constructor(options: OutletsOptions) {
    this.#options = options
    const { hub, clock, store, outbound, report } = options
    this.#dispatcher = new Dispatcher({ clock, log: hub.log, outbound, attempts: hub.metrics.webhookAttempts, report })
    this.#notices = new Notices(options)
    this.#recorder = new Recorder({ clock, store, report, outlets: () => this.#outlets.values() })
    this.#host = {
      hub,
      clock,
      ready: (outlet) => this.#dispatcher.ready(outlet),
      changed: (outlet) => this.#recorder.changed(outlet),
      gap: (outlet) => this.#gap(outlet),
    }
    this.#undo = hub.log.onRemoval((removal) => {
      // What retention takes while it is in hand is sent all the same: nothing would say that it is missing.
      if (!removal.erased) return
      for (const outlet of this.#outlets.values()) outlet.forget(removal)
    })
  }

  get size(): number {
    return this.#outlets.size
  }

  get(id: string): Outlet | undefined {
    return this.#outlets.get(id)
  }

  /** @throws HubError `not-found` */
  require(id: string): Outlet {
    const outlet = this.#outlets.get(id)
    if (outlet) return outlet
    throw new HubError('not-found', 'There is no webhook with this id; GET /webhooks lists those that are there.')
  }

  all(): Iterable<Outlet> {
    return this.#outlets.values()
  }

  /** It goes on where its progress says; from the head, and told so, when that is no place of this log. */
  add(plan: Plan, progress: Progress, waiting: readonly WaitingDelivery[]): Outlet {
    const { hub } = this.#options
    const cursor = parseCursor(progress.cursor)
    const position = cursor && hub.log.generations.resolve(cursor, hub.log.head)
    const outlet = new Outlet(this.#host, plan, progress, position ?? hub.log.head)
    this.#outlets.set(plan.id, outlet)
    // Offsets of a log that is another one now name other events.
    if (position === undefined) outlet.startOver(waiting)
    else outlet.restore(waiting)
    this.#dispatcher.ready(outlet)
    return outlet
  }

  /** Another plan of the same id, from where it is: the receiver may be another one. */
  replan(outlet: Outlet, plan: Plan): void {
    // By the plan it has: it may wait for a place at the receiver of that.
    this.#dispatcher.forget(outlet)
    outlet.replan(plan)
  }

  /** Stops at once, retries too; what is under way ends. */
  remove(outlet: Outlet): void {
    outlet.close()
    this.#outlets.delete(outlet.id)
    this.#warned.delete(outlet.id)
    this.#dispatcher.forget(outlet)
  }

  tell(plan: Plan, notice: Notice): void {
    void this.#notices.tell(plan, notice)
  }

  /** How far it is, written down before this resolves. @throws as `OutletStore.record` */
  record(outlet: Outlet): Promise<void> {
    return this.#recorder.record([outlet])
  }

  /** What is under way has `patienceMs` to end; then everything is written down. */
  async stop(patienceMs: number): Promise<void> {
    this.#undo()
    await this.#dispatcher.stop(patienceMs)
    await this.#recorder.close()
    this.#notices.close()
    for (const outlet of this.#outlets.values()) outlet.close()
  }

  async #gap(outlet: Outlet): Promise<boolean> {
    const { plan } = outlet
    if (plan.kind === 'webhook') {
      return this.#notices.tell(plan, { type: 'gap', cursor: this.#options.hub.cursor(outlet.watermark) })
    }
    const now = this.#options.clock.monotonic()
    if (now - (this.#warned.get(plan.id) ?? Number.NEGATIVE_INFINITY) < WARN_MS) return false
    this.#warned.set(plan.id, now)
    this.#options.warn(
      `${plan.id} missed events: they were given up, or the log did not have them any more; mcp-sse webhooks show ${plan.id} says more.`,
    )
    return true
  }
}
