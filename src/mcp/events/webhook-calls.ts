import { HubError } from '../../core/errors.ts'
import type { Principal } from '../../core/principal.ts'
import type {
  DeliveryStatus,
  GrantedSubscription,
  SubscriptionKey,
  SubscriptionRequest,
} from '../../webhooks/subscription-request.ts'
import { missesUnknown } from './error-numbers.ts'
import type { EventsRequest } from './events.ts'
import { EventsError } from './events-error.ts'
import type { OfferedTypes } from './offered-types.ts'
import { badParams, subscribeParamsOf, unsubscribeParamsOf } from './params.ts'

/** What keeps subscriptions and sends for them. */
export interface WebhookDesk {
  /**
   * @throws HubError `invalid-arguments`, its pointer `/delivery/url`, `/delivery/secret` or into the arguments;
   *   `forbidden`, CallbackRefusal, QuotaRefusal, and what is refused for now
   */
  subscribe(request: SubscriptionRequest): Promise<GrantedSubscription>
  /** `false`: there was none with this key. */
  unsubscribe(key: SubscriptionKey): Promise<boolean>
}

export interface WebhookOffer {
  /** Loaded when it is first needed. */
  desk(): Promise<WebhookDesk>
  /** Whether something of this principal may stay when it has gone. */
  lasting(principal: Principal): boolean
}

const NEEDS_LASTING =
  'A webhook stays when its caller has gone, so it needs a credential of its own that lasts: ask with an API key or a token; no ticket, no page of another site and nobody without a credential can have one. events/stream and events/poll need none.'

/** Of the arguments of one subscription, which are kept for as long as it lasts. */
const MAX_ARGUMENTS_BYTES = 16 * 1024
/** Of what is said again to the caller who said it. */
const MOST_SHOWN = 64

/** `events/subscribe` and `events/unsubscribe` (SEP-3415), as far as they are about the wire. */
export class WebhookCalls {
  readonly #types: OfferedTypes
  readonly #offer: WebhookOffer | undefined

  /** @param offer `undefined`: there are no webhooks */
  constructor(types: OfferedTypes, offer: WebhookOffer | undefined) {
    this.#types = types
    this.#offer = offer
  }

  offeredTo(principal: Principal): boolean {
    return this.#offer?.lasting(principal) ?? false
  }

  /** @throws EventsError, HubError, ProtocolError */
  async subscribe({ params, asking, numbers }: EventsRequest): Promise<Record<string, unknown>> {
    const { principal, signal } = asking
    this.#requireLasting(principal)
    const { name, arguments: values, delivery, cursor, maxAgeMs, ttlMs } = subscribeParamsOf(params)
    if (!this.#types.has(name)) throw new EventsError('NotFound', { kind: 'event' })
    const mode = delivery.mode ?? 'webhook'
    if (mode !== 'webhook' || !this.#offer) {
      throw new EventsError('Unsupported', { feature: 'deliveryMode', value: mode.slice(0, MOST_SHOWN) })
    }
    const args = values ?? {}
    // Here as well, for the order of the errors; and nothing that may not be asked for gets any further.
    this.#types.select(name, args, principal.grants)
    requireSize(args)
    const { NotFound, Forbidden, Unsupported } = numbers
    const desk = await this.#offer.desk()
    const granted = await desk.subscribe({
      principal,
      url: delivery.url,
      secret: delivery.secret,
      name,
      arguments: args,
      cursor: cursor ?? null,
      maxAgeMs: maxAgeMs ?? undefined,
      ttlMs: bounded(ttlMs),
      numbers: { NotFound, Forbidden, Unsupported },
      // In a session a connection that is lost cancels nothing: the answer is taken by another one.
      signal,
    })
    return resultOf(granted)
  }

  /** Asks nothing of the type: it may be gone, and so may what was allowed. @throws EventsError, HubError, ProtocolError */
  async unsubscribe({ params, asking, numbers }: EventsRequest): Promise<Record<string, unknown>> {
    const { principal } = asking
    this.#requireLasting(principal)
    const { name, arguments: values, delivery } = unsubscribeParamsOf(params)
    const args = values ?? {}
    requireSize(args)
    // Of a type that may be gone nothing else is known; in an id there is no place for half a character.
    if (!name.isWellFormed())
      throw badParams('name', 'The name has half of a character (a lone surrogate); correct it.')
    const desk = await this.#offer?.desk()
    const key = { principal: principal.id, url: delivery.url, name, arguments: args }
    const found = (await desk?.unsubscribe(key)) ?? false
    if (!found && missesUnknown(numbers)) throw new EventsError('NotFound', { kind: 'subscription' })
    return {}
  }

  /** Where there are none at all, it is not for want of a credential. */
  #requireLasting(principal: Principal): void {
    if (this.#offer && !this.#offer.lasting(principal)) throw new HubError('forbidden', NEEDS_LASTING)
  }
}

function requireSize(args: Readonly<Record<string, unknown>>): void {
  if (Buffer.byteLength(JSON.stringify(args)) <= MAX_ARGUMENTS_BYTES) return
  throw badParams('arguments', `The arguments of a webhook have at most ${MAX_ARGUMENTS_BYTES} bytes as JSON.`)
}

/** What may be calculated with. */
function bounded(ttlMs: number | null | undefined): number | null | undefined {
  if (typeof ttlMs !== 'number') return ttlMs
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(ttlMs, Number.MAX_SAFE_INTEGER))
}

function resultOf({ id, refreshBefore, cursor, truncated, status }: GrantedSubscription): Record<string, unknown> {
  return {
    id,
    refreshBefore: refreshBefore === null ? null : dateOf(refreshBefore),
    cursor,
    truncated,
    ...(status ? { deliveryStatus: statusOf(status) } : {}),
  }
}

function statusOf({ active, lastDeliveryAt, lastError, failedSince }: DeliveryStatus): Record<string, unknown> {
  return {
    active,
    ...(lastDeliveryAt === undefined ? {} : { lastDeliveryAt: dateOf(lastDeliveryAt) }),
    lastError,
    ...(failedSince === undefined ? {} : { failedSince: dateOf(failedSince) }),
  }
}

function dateOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
