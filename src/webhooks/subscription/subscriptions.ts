import type { Clock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import type { Hub } from '../../core/hub.ts'
import type { OutletStore, StoredOutlet } from '../../core/outlet-store.ts'
import type { Outlet } from '../delivery/outlet.ts'
import type { Outlets } from '../delivery/outlets.ts'
import { newProgress, parseProgress } from '../delivery/progress.ts'
import { callbackUrl } from '../outbound/callback-url.ts'
import type { Challenges } from '../outbound/challenge.ts'
import type { AddressRule } from '../outbound/outcome.ts'
import type { Plan } from '../plan.ts'
import { openSecret, sealSecret } from '../secret/sealed-secret.ts'
import { webhookSecret } from '../secret/webhook-secret.ts'
import type {
  Chosen,
  DeliveryStatus,
  GrantedSubscription,
  SubscriptionKey,
  SubscriptionRequest,
} from '../subscription-request.ts'
import { beginningOf } from './beginning.ts'
import { type Definition, parseDefinition, storedPrincipal } from './definition.ts'
import { Entries, type Entry } from './entries.ts'
import { subscriptionId } from './identity.ts'
import { type Judges, judge } from './judgement.ts'
import { endOf } from './lifetime.ts'
import type { WebhookLimits } from './quota.ts'
import { Turns } from './turns.ts'
import { VerifiedCallbacks } from './verified-callbacks.ts'
import { type Keys, webhookPlan } from './webhook-plan.ts'

export interface SubscriptionsOptions extends Judges {
  hub: Pick<Hub, 'cursor' | 'log'>
  clock: Clock
  store: OutletStore
  outlets: Outlets
  challenges: Challenges
  /** Which callbacks are taken. */
  rule: AddressRule
  /** 32 bytes, for secrets on disk. */
  sealKey: Uint8Array
  limits: WebhookLimits
  warn: (sentence: string) => void
  report: (error: unknown) => void
}

/** Both secrets sign for so long after one was replaced: receivers take it over when they get to it. */
const ROTATION_MS = 300_000
const SWEEP_MS = 1000
const REVIEW_MS = 60_000

/** Webhook subscriptions of MCP Events: who made them, until when, and what they are sent. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions
  readonly #entries: Entries
  readonly #verified: VerifiedCallbacks
  readonly #turns = new Turns()
  /** Being made now; an end that comes meanwhile counts. */
  readonly #making = new Map<string, { ended: boolean }>()
  /** It could not be asked whether their principals still count. */
  readonly #unjudged = new Set<string>()
  readonly #undo: (() => void)[]

  constructor(options: SubscriptionsOptions) {
    this.#options = options
    const { clock, limits, store, report } = options
    this.#entries = new Entries(limits)
    const inUse = this.#entries.isCallback.bind(this.#entries)
    this.#verified = new VerifiedCallbacks({ clock, store, inUse })
    this.#undo = [
      clock.every(SWEEP_MS, () => void this.#sweep().catch(report)),
      clock.every(REVIEW_MS, () => void this.#reviewSome([...this.#unjudged]).catch(report)),
    ]
  }

  get(id: string): Readonly<Pick<Entry, 'definition'>> | undefined {
    return this.#entries.get(id)
  }

  /** @throws as `WebhookDesk.subscribe` */
  subscribe(request: SubscriptionRequest): Promise<GrantedSubscription> {
    const { principal, url: text, name, arguments: args } = request
    const id = subscriptionId({ principal: principal.id, url: text, name, arguments: args })
    return this.#turns.run(id, async () => {
      const making = { ended: false }
      this.#making.set(id, making)
      const isNew = !this.#entries.get(id)
      if (isNew) this.#entries.quota.take(principal)
      try {
        return await this.#make(id, request, making)
      } finally {
        this.#making.delete(id)
        if (isNew) this.#entries.quota.give(principal.id)
      }
    })
  }

  /** Idempotent. @returns whether there was one */
  async unsubscribe(key: SubscriptionKey): Promise<boolean> {
    const id = subscriptionId(key)
    const making = this.#making.get(id)
    if (making) making.ended = true
    const entry = this.#entries.get(id)
    if (entry) this.#drop(id, entry)
    if (entry || making) await this.#options.store.remove([id])
    return entry !== undefined || making !== undefined
  }

  /** Those of before the start. */
  async restore(stored: readonly StoredOutlet[]): Promise<void> {
    const gone: string[] = []
    for (const outlet of stored) {
      const kept = await this.#restoreOne(outlet).catch((error: unknown) => {
        // Left as it is: another version, or the key of another backup, may know what to do with it.
        this.#options.warn(`${outlet.id} is not sent anything: ${error instanceof HubError ? error.message : error}`)
        return true
      })
      if (!kept) gone.push(outlet.id)
    }
    if (gone.length > 0) await this.#options.store.remove(gone)
  }

  /** After a reload: some principals may do less, or are nobody any more. */
  async reconsider(): Promise<void> {
    await this.#reviewSome(this.#entries.ids)
  }

  close(): void {
    for (const undo of this.#undo) undo()
  }

  async #make(id: string, request: SubscriptionRequest, making: { ended: boolean }): Promise<GrantedSubscription> {
    const { clock, store, challenges, rule, sealKey, outlets } = this.#options
    const { url: text, name, arguments: args, numbers, signal } = request
    const url = callbackUrl(text, rule, '/delivery/url')
    const key = webhookSecret(request.secret, '/delivery/secret')
    const keys = this.#keysAfter(this.#entries.get(id)?.keys, key, clock.now())
    if (!this.#verified.covers(request.principal.id, text)) {
      const signing = [keys.key, ...(keys.previous ? [keys.previous.key] : [])]
      await challenges.prove({ url, rule, id, keys: signing, principal: request.principal.id, signal })
      await this.#verified.add(request.principal.id, text)
    }
    const principal = await this.#options.standing(request.principal)
    if (!principal) throw new HubError('forbidden', 'This credential counts no more; ask with another one.')
    const chosen = this.#options.choose(name, args, principal.grants)
    if (!chosen) throw new HubError('not-found', 'There is no event type with this name any more.')
    const start = await beginningOf(request, chosen.filter, this.#options)
    if (making.ended || signal.aborted) throw endedMeanwhile()
    const now = clock.now()
    const definition: Definition = {
      principal: storedPrincipal(principal),
      url: text,
      name,
      arguments: { ...args },
      secret: sealSecret(keys.key, sealKey, id),
      previous: keys.previous
        ? { secret: sealSecret(keys.previous.key, sealKey, id), until: keys.previous.until }
        : null,
      expires: endOf(request.ttlMs, now, { expires: principal.expires, durable: store.durable }),
      numbers,
      promises: [...chosen.promises],
    }
    const plan = this.#plan(id, definition, chosen, keys)
    const before = this.#entries.get(id)
    const progress = newProgress(start.cursor)
    const progressText = before?.outlet.progressText ?? JSON.stringify(progress)
    await store.put({ id, definition: JSON.stringify(definition), progress: progressText })
    // What ended it was removed from the store after this was put there.
    if (making.ended) throw endedMeanwhile()
    if (!before || before.outlet.closed) {
      this.#entries.add(id, { definition, keys, outlet: outlets.add(plan, progress, []) })
      return {
        id,
        refreshBefore: definition.expires,
        cursor: start.cursor,
        truncated: start.truncated,
        status: undefined,
      }
    }
    before.definition = definition
    before.keys = keys
    const status = statusOf(before.outlet)
    before.outlet.replan(plan)
    before.outlet.revive(now)
    const cursor = this.#options.hub.cursor(before.outlet.watermark)
    return { id, refreshBefore: definition.expires, cursor, truncated: false, status }
  }

  #keysAfter(before: Keys | undefined, key: Uint8Array, now: number): Keys {
    if (!before) return { key, previous: undefined }
    if (Buffer.from(key).equals(before.key)) return before
    return { key, previous: { key: before.key, until: now + ROTATION_MS } }
  }

  async #restoreOne({ id, definition: text, progress, waiting }: StoredOutlet): Promise<boolean> {
    const { clock, sealKey, outlets } = this.#options
    const definition = parseDefinition(text)
    if (definition.expires !== null && definition.expires <= clock.now()) return false
    const { previous } = definition
    const keys: Keys = {
      key: openSecret(definition.secret, sealKey, id),
      previous: previous ? { key: openSecret(previous.secret, sealKey, id), until: previous.until } : undefined,
    }
    const judgement = await this.#judge(id, definition)
    const chosen = judgement.kind === 'stands' ? judgement.chosen : undefined
    // Its end is told where it goes, so that needs a plan too.
    if (!chosen) {
      const plan = this.#plan(id, definition, NOTHING, keys)
      if (judgement.kind === 'ended') outlets.tell(plan, judgement.notice)
      return false
    }
    const plan = this.#plan(id, definition, chosen, keys)
    this.#entries.add(id, { definition, keys, outlet: outlets.add(plan, parseProgress(progress), waiting) })
    return true
  }

  /** While it cannot be asked whether the principal counts, it does as when it was asked last. */
  async #judge(id: string, definition: Definition) {
    this.#unjudged.delete(id)
    try {
      return await judge(definition, this.#options)
    } catch (error) {
      if (!(error instanceof HubError) || error.code !== 'issuer-unavailable') throw error
      this.#unjudged.add(id)
      return judge(definition, { ...this.#options, standing: async (principal) => principal })
    }
  }

  async #reviewSome(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const entry = this.#entries.get(id)
      if (!entry) continue
      const { definition } = entry
      const judgement = await this.#judge(id, definition)
      // It was made again, or ended, while that was asked.
      if (this.#entries.get(id) !== entry || entry.definition !== definition) continue
      if (judgement.kind === 'stands') {
        entry.outlet.replan(this.#plan(id, definition, judgement.chosen, entry.keys))
        continue
      }
      this.#drop(id, entry)
      this.#options.outlets.tell(entry.outlet.plan, judgement.notice)
      await this.#options.store.remove([id])
    }
  }

  async #sweep(): Promise<void> {
    const now = this.#options.clock.now()
    const over = this.#entries.over(now)
    for (const [id, entry] of over) this.#drop(id, entry)
    if (over.length > 0) await this.#options.store.remove(over.map(([id]) => id))
  }

  #plan(id: string, { principal, url }: Definition, chosen: Chosen, keys: Keys): Plan {
    return webhookPlan({ id, owner: principal.id, url: new URL(url), rule: this.#options.rule, chosen, keys })
  }

  #drop(id: string, entry: Entry): void {
    this.#entries.delete(id, entry)
    this.#unjudged.delete(id)
    this.#options.outlets.remove(entry.outlet)
  }
}

/** What is told of its end is sent something and wants nothing. */
const NOTHING: Chosen = {
  filter: { patterns: [], types: [], key: '' },
  occurrence: () => undefined,
  promises: [],
}

function statusOf({ state, progress }: Outlet): DeliveryStatus {
  return {
    active: state === 'active',
    lastDeliveryAt: progress.lastDeliveryAt ?? undefined,
    lastError: progress.lastError,
    failedSince: progress.failedSince ?? undefined,
  }
}

function endedMeanwhile(): HubError {
  return new HubError('invalid-arguments', 'The subscription was ended while its callback was being verified.')
}
