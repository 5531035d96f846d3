import type { Principal } from '../../src/core/principal.ts'
import type { WebhookDesk, WebhookOffer } from '../../src/mcp/events/webhook-calls.ts'
import type {
  GrantedSubscription,
  SubscriptionKey,
  SubscriptionRequest,
} from '../../src/webhooks/subscription-request.ts'

export const GRANTED: GrantedSubscription = {
  id: 'sub_dd6795afb93f68facc60b2a1832de293',
  refreshBefore: Date.UTC(2026, 10, 20, 9, 30),
  cursor: 'k3f9a2b7.42',
  truncated: false,
  status: undefined,
}

/** A desk that notes what it is asked and answers as its test says: nothing is sent, nothing is kept. */
export class ScriptedDesk implements WebhookDesk, WebhookOffer {
  readonly asked: SubscriptionRequest[] = []
  readonly removed: SubscriptionKey[] = []
  /** How often it was loaded. */
  loaded = 0
  subscribes: (request: SubscriptionRequest) => GrantedSubscription | Promise<GrantedSubscription> = () => GRANTED
  unsubscribes: (key: SubscriptionKey) => boolean = () => true
  lasts: (principal: Principal) => boolean = () => true

  async desk(): Promise<WebhookDesk> {
    this.loaded++
    return this
  }

  lasting(principal: Principal): boolean {
    return this.lasts(principal)
  }

  async subscribe(request: SubscriptionRequest): Promise<GrantedSubscription> {
    this.asked.push(request)
    return this.subscribes(request)
  }

  async unsubscribe(key: SubscriptionKey): Promise<boolean> {
    this.removed.push(key)
    return this.unsubscribes(key)
  }
}
