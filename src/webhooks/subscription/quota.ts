import type { Principal } from '../../core/principal.ts'
import { QuotaRefusal } from '../refusals.ts'

export interface WebhookLimits {
  /** Subscriptions at the same time. */
  webhooks: number
  /** Of one principal, where its limits count. */
  webhooksPerPrincipal: number
}

/** How many subscriptions there are, and of whom; those that are being made count. */
export class Quota {
  readonly #limits: WebhookLimits
  readonly #of = new Map<string, number>()
  #all = 0

  constructor(limits: WebhookLimits) {
    this.#limits = limits
  }

  /** @throws QuotaRefusal */
  take({ id, limited }: Principal): void {
    const { webhooks, webhooksPerPrincipal } = this.#limits
    if (limited && (this.#of.get(id) ?? 0) >= webhooksPerPrincipal) {
      const sentence = 'This credential has as many webhooks as it may have; end one, or wait for one to end.'
      throw new QuotaRefusal('webhooks_per_principal', webhooksPerPrincipal, sentence)
    }
    if (this.#all >= webhooks) {
      throw new QuotaRefusal('webhooks', webhooks, 'This hub has as many webhooks as it may have; try again later.')
    }
    this.count(id)
  }

  /** One that is there whatever the limits say now. */
  count(principal: string): void {
    this.#all++
    this.#of.set(principal, (this.#of.get(principal) ?? 0) + 1)
  }

  give(principal: string): void {
    this.#all--
    const left = (this.#of.get(principal) ?? 0) - 1
    if (left > 0) this.#of.set(principal, left)
    else this.#of.delete(principal)
  }
}
