import type { Clock } from '../core/clock.ts'
import { requireCursor } from '../core/cursor.ts'
import { HubError } from '../core/errors.ts'
import { filterTopic, filterType } from '../core/filter.ts'
import type { Hub } from '../core/hub.ts'
import type { OutletStore } from '../core/outlet-store.ts'
import type { Outlet } from './delivery/outlet.ts'
import { Outlets } from './delivery/outlets.ts'
import { type Forward, Forwards, isForward } from './forward/forwards.ts'
import { Challenges } from './outbound/challenge.ts'
import type { AddressRule, Outbound } from './outbound/outcome.ts'
import { type About, detailOf, summaryOf } from './outlet-summary.ts'
import type { Judges } from './subscription/judgement.ts'
import type { WebhookLimits } from './subscription/quota.ts'
import { Subscriptions } from './subscription/subscriptions.ts'
import type { GrantedSubscription, SubscriptionKey, SubscriptionRequest } from './subscription-request.ts'
import type { OutletAdmin, OutletDetail, OutletSummary, Redelivery } from './summary.ts'
import { type WebhookCounts, webhookCounts } from './webhook-counts.ts'

export interface WebhooksOptions extends Judges {
  hub: Pick<Hub, 'follow' | 'cursor' | 'log' | 'metrics'>
  clock: Clock
  /** Closed when they stop, as is what sends. */
  store: OutletStore
  outbound: Outbound & { close(): void }
  /** Which callbacks of clients are taken. Read at each attempt, so that another one counts for those that are there. */
  rule: AddressRule
  /** Names of hosts that know events and the challenge, and nothing else. */
  eventsOnly: ReadonlySet<string>
  /** Of the configuration. */
  forwards: readonly Forward[]
  /** 32 bytes, for secrets on disk. */
  sealKey: Uint8Array
  /** Read whenever one more is asked for. */
  limits: Readonly<WebhookLimits>
  /** Sentences for the operator. */
  warn: (sentence: string) => void
  report: (error: unknown) => void
}

/** What the hub sends by itself: webhook subscriptions of MCP Events, and forwards. One of it for a process. */
export class Webhooks implements OutletAdmin {
  readonly #options: WebhooksOptions
  readonly #outlets: Outlets
  readonly #subscriptions: Subscriptions
  readonly #forwards: Forwards

  /** Everything goes on where it was. @throws as `OutletStore.put` */
  static async open(options: WebhooksOptions): Promise<Webhooks> {
    const webhooks = new Webhooks(options)
    const { outlets } = options.store
    await webhooks.#subscriptions.restore(outlets.filter((outlet) => !isForward(outlet)))
    await webhooks.#forwards.start(options.forwards, outlets.filter(isForward))
    return webhooks
  }

  private constructor(options: WebhooksOptions) {
    this.#options = options
    const { outbound, clock } = options
    this.#outlets = new Outlets(options)
    this.#forwards = new Forwards({ ...options, outlets: this.#outlets })
    const challenges = new Challenges({ outbound, clock })
    this.#subscriptions = new Subscriptions({ ...options, outlets: this.#outlets, challenges })
  }

  /** Webhook subscriptions and forwards. */
  get size(): number {
    return this.#outlets.size
  }

  /**
   * @throws HubError `invalid-arguments`, its pointer `/delivery/url`, `/delivery/secret` or into the arguments;
   *   `forbidden`, `rate-limited`, `disk-full`, `log-failed`; CallbackRefusal, QuotaRefusal
   */
  subscribe(request: SubscriptionRequest): Promise<GrantedSubscription> {
    return this.#subscriptions.subscribe(request)
  }

  /** Nothing more is sent, retries neither. @returns whether there was one with this key */
  unsubscribe(key: SubscriptionKey): Promise<boolean> {
    return this.#subscriptions.unsubscribe(key)
  }

  counts(): WebhookCounts {
    return webhookCounts(this.#outlets.all())
  }

  list(): OutletSummary[] {
    return [...this.#outlets.all()].map((outlet) => summaryOf(outlet, this.#about(outlet), this.#options.hub))
  }

  show(id: string): OutletDetail {
    const outlet = this.#outlets.require(id)
    return detailOf(outlet, this.#about(outlet), this.#options.hub)
  }

  async disable(id: string): Promise<void> {
    const outlet = this.#outlets.require(id)
    outlet.setDisabled(true)
    await this.#outlets.record(outlet)
  }

  async enable(id: string): Promise<void> {
    const outlet = this.#outlets.require(id)
    outlet.setDisabled(false)
    await this.#outlets.record(outlet)
  }

  async redeliver(id: string, what: Redelivery): Promise<void> {
    const outlet = this.#outlets.require(id)
    if ('event' in what) await this.#redeliverOne(outlet, what.event)
    else this.#redeliverAfter(outlet, what.after)
  }

  /** Other forwards, as `Forwards.prepare`. */
  prepareForwards(forwards: readonly Forward[]): Promise<() => void> {
    return this.#forwards.prepare(forwards)
  }

  /** After a reload. */
  async reconsider(): Promise<void> {
    await this.#subscriptions.reconsider()
  }

  /** Nothing new is sent; what is under way has `patienceMs` to end, and how far everything is, is written down. */
  async stop(patienceMs: number): Promise<void> {
    this.#subscriptions.close()
    await this.#outlets.stop(patienceMs)
    this.#options.outbound.close()
    await this.#options.store.close()
  }

  #about(outlet: Outlet): About {
    const entry = this.#subscriptions.get(outlet.id)
    if (!entry) return this.#forwards.about(outlet)!
    const { name, expires, arguments: args } = entry.definition
    return { principal: outlet.plan.owner, wants: name, expires, arguments: args }
  }

  async #redeliverOne(outlet: Outlet, text: string): Promise<void> {
    const { hub } = this.#options
    const cursor = requireCursor(text)
    const offset = hub.log.generations.resolve(cursor, hub.log.head)
    const event = offset === undefined ? undefined : await hub.log.at(offset)
    const { filter } = outlet.plan
    if (
      !event ||
      event.epoch !== cursor.epoch ||
      !filterTopic(filter, event.topic) ||
      !filterType(filter, event.type)
    ) {
      throw new HubError('invalid-cursor', 'There is no event at this cursor, or this webhook does not want it.', {
        pointer: '/event',
      })
    }
    if (outlet.again(event.offset)) return
    const sentence = 'As many deliveries of this webhook wait as there is room for; try again when there are fewer.'
    throw new HubError('overloaded', sentence, { retryAfterMs: 60_000 })
  }

  #redeliverAfter(outlet: Outlet, text: string): void {
    const { log } = this.#options.hub
    const position = log.generations.resolve(requireCursor(text), log.head)
    if (position !== undefined && position >= log.horizon(outlet.plan.filter).offset) {
      outlet.rewind(position)
      return
    }
    throw new HubError(
      'invalid-cursor',
      'Not everything after this cursor is kept any more, or it is none of this hub; take one from an event that is.',
      { pointer: '/after' },
    )
  }
}
