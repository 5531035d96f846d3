import type { Clock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import type { Hub } from '../../core/hub.ts'
import type { OutletStore, StoredOutlet } from '../../core/outlet-store.ts'
import type { Principal } from '../../core/principal.ts'
import type { Outlets } from '../delivery/outlets.ts'
import { parseProgress } from '../delivery/progress.ts'
import { callbackUrl } from '../outbound/callback-url.ts'
import type { Challenges } from '../outbound/challenge.ts'
import type { AddressRule } from '../outbound/outcome.ts'
import type { Plan } from '../plan.ts'
import { openSecret } from '../secret/sealed-secret.ts'
import { webhookSecret } from '../secret/webhook-secret.ts'
import type { Chosen, GrantedSubscription, SubscriptionKey, SubscriptionRequest } from '../subscription-request.ts'
import { type Definition, parseDefinition } from './definition.ts'
import { Entries, type Entry } from './entries.ts'
import { subscriptionId } from './identity.ts'
import type { Judges } from './judgement.ts'
import { isStill, keysAfter, type Prepared, prepare } from './prepared.ts'
import type { WebhookLimits } from './quota.ts'
import { Reviews } from './reviews.ts'
import { Rows } from './rows.ts'
import { statusOf } from './status.ts'
import { TurnsByKey } from './turns-by-key.ts'
import { Unsaved } from './unsaved.ts'
import { VerifiedCallbacks } from './verified-callbacks.ts'
import { type Keys, NOTHING, webhookPlan } from './webhook-plan.ts'

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

const SWEEP_MS = 1000
/** Restored in one go: each is about 0.15 ms of work. */
const AT_ONCE = 50

/** One that is being made. */
interface Making {
  /** An end that comes meanwhile counts. */
  ended: boolean
  /** Takes a place that no entry takes. */
  counted: boolean
  /** Nobody else is to judge it, or find its time over, until it is written. */
  writing: boolean
}

/** Webhook subscriptions of MCP Events: who made them, until when, and what they are sent. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions
  readonly #entries: Entries
  readonly #rows: Rows
  readonly #reviews: Reviews
  readonly #verified: VerifiedCallbacks
  readonly #turns = new TurnsByKey()
  readonly #making = new Map<string, Making>()
  readonly #unsaved: Unsaved
  readonly #undo: () => void

  constructor(options: SubscriptionsOptions) {
    this.#options = options
    const { clock, limits, store } = options
    this.#entries = new Entries(limits)
    const inUse = this.#entries.isCallback.bind(this.#entries)
    this.#verified = new VerifiedCallbacks({ clock, store, inUse, report: options.report })
    this.#rows = new Rows({ ...options, quota: this.#entries.quota })
    this.#unsaved = new Unsaved((id) => this.#saveOne(id))
    this.#reviews = new Reviews({
      ...options,
      entries: this.#entries,
      isBusy: (id) => this.#isBusy(id),
      stands: (id, entry, { definition, chosen }) => {
        if (definition !== entry.definition) this.#unsaved.add(id)
        entry.definition = definition
        entry.outlet.replan(this.#plan(id, definition, chosen, entry.keys))
      },
      ended: (ended) => {
        this.#end(ended)
        for (const { entry, judgement } of ended) options.outlets.tell(entry.outlet.plan, judgement.notice)
      },
    })
    this.#undo = clock.every(SWEEP_MS, () => this.#sweep())
  }

  get(id: string): Readonly<Pick<Entry, 'definition'>> | undefined {
    return this.#entries.get(id)
  }

  /** @throws as `WebhookDesk.subscribe` */
  subscribe(request: SubscriptionRequest): Promise<GrantedSubscription> {
    const { principal, url: text, name, arguments: args } = request
    const id = subscriptionId({ principal: principal.id, url: text, name, arguments: args })
    return this.#turns.run(id, async () => {
      const making: Making = { ended: false, counted: false, writing: false }
      this.#making.set(id, making)
      try {
        this.#takePlace(id, making, principal)
        return await this.#make(id, request, making)
      } finally {
        this.#making.delete(id)
        if (making.counted) this.#entries.quota.give(principal.id)
      }
    })
  }

  /** Idempotent. @returns whether there was one */
  async unsubscribe(key: SubscriptionKey): Promise<boolean> {
    const id = subscriptionId(key)
    const making = this.#making.get(id)
    if (making) making.ended = true
    const entry = this.#entries.get(id)
    if (!entry && !making && !this.#rows.isLeft(id)) return false
    if (entry) this.#drop(id, entry)
    await this.#rows.remove([{ id, principal: key.principal }])
    return true
  }

  /** Those of before the start. Nobody is asked about them: who cannot be known yet is judged after it. */
  async restore(stored: readonly StoredOutlet[]): Promise<void> {
    const { clock, warn, report } = this.#options
    const gone: { id: string; principal: string }[] = []
    for (const [index, outlet] of stored.entries()) {
      if (index > 0 && index % AT_ONCE === 0) await clock.yield()
      try {
        const definition = parseDefinition(outlet.definition)
        if (!this.#restoreOne(outlet, definition)) gone.push({ id: outlet.id, principal: definition.principal.id })
      } catch (error) {
        // Left as it is: another version, or the key of another backup, may know what to do with it.
        warn(`${outlet.id} is not sent anything: ${error instanceof HubError ? error.message : error}`)
      }
    }
    await this.#rows.remove(gone).catch(report)
    await this.#unsaved.save()
  }

  /** After a reload: some principals may do less, or are nobody any more. */
  async reconsider(): Promise<void> {
    await this.#reviews.all()
    await this.#unsaved.save()
  }

  close(): void {
    this.#undo()
    this.#verified.close()
    this.#reviews.close()
    this.#rows.close()
  }

  async #make(id: string, request: SubscriptionRequest, making: Making): Promise<GrantedSubscription> {
    const { clock, challenges, rule } = this.#options
    const { url: text, signal } = request
    const url = callbackUrl(text, rule, '/delivery/url')
    const key = webhookSecret(request.secret, '/delivery/secret')
    const keys = keysAfter(this.#entries.get(id)?.keys, key, clock.now())
    if (!this.#verified.covers(request.principal.id, text)) {
      const signing = [keys.key, ...(keys.previous ? [keys.previous.key] : [])]
      await challenges.prove({ url, rule, id, keys: signing, principal: request.principal.id, signal })
      await this.#verified.add(request.principal.id, text)
    }
    let isWritten = false
    try {
      for (;;) {
        const prepared = await prepare(id, request, { ...this.#options, keys })
        if (making.ended || signal.aborted) throw endedMeanwhile()
        this.#takePlace(id, making, request.principal)
        making.writing = true
        await this.#write(id, prepared)
        isWritten = true
        making.writing = false
        // What ended it was removed from the store after this was put there.
        if (making.ended) throw endedMeanwhile()
        // Nothing comes between this and its beginning; a reload may have come before.
        if (isStill(request.principal, prepared.definition, this.#options)) return this.#begin(id, prepared)
      }
    } catch (error) {
      making.writing = false
      await this.#takeBack(id, request.principal, isWritten).catch(this.#options.report)
      throw error
    }
  }

  async #write(id: string, { definition, progress }: Prepared): Promise<void> {
    const before = this.#entries.get(id)
    if (before) await this.#rows.replace(id, definition, before.outlet)
    else await this.#rows.add(id, definition, progress)
  }

  #begin(id: string, { definition, keys, chosen, start, progress }: Prepared): GrantedSubscription {
    const { outlets, hub } = this.#options
    const plan = this.#plan(id, definition, chosen, keys)
    const refreshBefore = definition.expires
    const before = this.#entries.get(id)
    // What was to be saved, or judged, was one of before.
    this.#unsaved.delete(id)
    this.#reviews.forget(id)
    if (!before) {
      this.#entries.add(id, { definition, keys, outlet: outlets.add(plan, progress, []) })
      return { id, refreshBefore, ...start, status: undefined }
    }
    before.definition = definition
    before.keys = keys
    const status = statusOf(before.outlet)
    before.outlet.replan(plan)
    before.outlet.revive()
    return { id, refreshBefore, cursor: hub.cursor(before.outlet.watermark), truncated: false, status }
  }

  /** It came to nothing: one that was there goes on as it was, unless a reload that came meanwhile ends it. */
  async #takeBack(id: string, principal: Principal, isWritten: boolean): Promise<void> {
    this.#reviews.one(id)
    if (!isWritten) return
    if (this.#entries.get(id)) this.#unsaved.add(id)
    else await this.#rows.remove([{ id, principal: principal.id }])
    await this.#unsaved.save()
  }

  /** @throws QuotaRefusal */
  #takePlace(id: string, making: Making, principal: Principal): void {
    if (making.counted || this.#entries.get(id)) return
    this.#entries.quota.take(principal)
    making.counted = true
  }

  /** @returns whether it goes on */
  #restoreOne({ id, progress, waiting }: StoredOutlet, stored: Definition): boolean {
    const { clock, sealKey, outlets } = this.#options
    if (stored.expires !== null && stored.expires <= clock.now()) return false
    const { previous } = stored
    const keys: Keys = {
      key: openSecret(stored.secret, sealKey, id),
      previous: previous ? { key: openSecret(previous.secret, sealKey, id), until: previous.until } : undefined,
    }
    const judgement = this.#reviews.judge(id, stored)
    if (judgement.kind === 'ended') {
      // Its end is told where it goes, so that needs a plan too.
      outlets.tell(this.#plan(id, stored, NOTHING, keys), judgement.notice)
      return false
    }
    const { definition, chosen } = judgement
    if (definition !== stored) this.#unsaved.add(id)
    const plan = this.#plan(id, definition, chosen, keys)
    this.#entries.add(id, { definition, keys, outlet: outlets.add(plan, parseProgress(progress), waiting) })
    return true
  }

  async #saveOne(id: string): Promise<void> {
    const entry = this.#entries.get(id)
    if (!entry || this.#isBusy(id)) return
    await this.#rows.replace(id, entry.definition, entry.outlet).catch(this.#options.report)
  }

  #sweep(): void {
    const over = this.#entries.over(this.#options.clock.now()).filter(([id]) => !this.#isBusy(id))
    if (over.length > 0) this.#end(over.map(([id, entry]) => ({ id, entry })))
    void this.#unsaved.save()
  }

  #isBusy(id: string): boolean {
    return this.#making.get(id)?.writing === true
  }

  #plan(id: string, { principal, url }: Definition, chosen: Chosen, keys: Keys): Plan {
    return webhookPlan({ id, owner: principal.id, url: new URL(url), rule: this.#options.rule, chosen, keys })
  }

  /** All of them at once, whatever becomes of their rows. */
  #end(ended: readonly { id: string; entry: Entry }[]): void {
    for (const { id, entry } of ended) this.#drop(id, entry)
    const rows = ended.map(({ id, entry }) => ({ id, principal: entry.definition.principal.id }))
    void this.#rows.remove(rows).catch(this.#options.report)
  }

  #drop(id: string, entry: Entry): void {
    this.#entries.delete(id, entry)
    this.#unsaved.delete(id)
    this.#reviews.forget(id)
    this.#options.outlets.remove(entry.outlet)
  }
}

function endedMeanwhile(): HubError {
  return new HubError('invalid-arguments', 'The subscription was ended while its callback was being verified.')
}
