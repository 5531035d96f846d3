import type { CloseReason } from '../../core/close-reason.ts'
import { parseCursor } from '../../core/cursor.ts'
import { HubError } from '../../core/errors.ts'
import type { StoredEvent } from '../../core/event.ts'
import { filterType } from '../../core/filter.ts'
import { MAX_NARROWED_PATTERNS } from '../../core/grants.ts'
import type { Hub } from '../../core/hub.ts'
import type { Subscription, Waiter } from '../../core/subscription.ts'
import { TopicIndex } from '../../core/topic-index.ts'
import type { Caller } from '../asking.ts'
import type { Watched } from '../catalogue/catalogue.ts'
import type { Told, Watch } from '../watching.ts'
import { Notice } from './notice.ts'
import type { Pacing } from './pacing.ts'
import type { TopicNews } from './topic-news.ts'
import { patternsOf, watchedFilter } from './watched-filter.ts'

export const MAX_WATCHED_URIS = 64

/** What all watches share. */
export interface WatchHost {
  readonly hub: Hub
  readonly pacing: Pacing
  readonly news: TopicNews
  /** Those with something to watch. */
  readonly open: Set<ResourceWatch>
}

/**
 * The URIs of one listener over at most one subscription of the hub. What the subscription has is taken in the pass that
 * offers it and only marks URIs, so its position is always the newest event it was offered: a subscription that is made
 * anew (other URIs, or old age) goes on from there and nothing is missed.
 */
export class ResourceWatch implements Watch, Waiter {
  readonly #host: WatchHost
  readonly #caller: Caller
  readonly #told: Told
  readonly #notices = new Map<string, Notice>()
  /** Those that wait for events. */
  readonly #index = new TopicIndex<Notice>()
  #subscription: Subscription | undefined
  #closed = false

  constructor(host: WatchHost, { principal, address }: Caller, told: Told) {
    this.#host = host
    this.#caller = { principal, address }
    this.#told = told
  }

  get uris(): readonly string[] {
    return [...this.#notices.keys()]
  }

  add(uri: string, watched: Watched): void {
    this.addAll(new Map([[uri, watched]]))
  }

  /** All of them or, when it throws, none. @throws HubError as `add` */
  addAll(wanted: ReadonlyMap<string, Watched>): void {
    const fresh = [...wanted].filter(([uri]) => !this.#notices.has(uri))
    if (fresh.length === 0) return
    this.#requireRoom(fresh)
    const { hub, news, open } = this.#host
    for (const [uri, watched] of fresh) {
      const notice = new Notice(uri, watched, this.#told, hub.log.head)
      this.#notices.set(uri, notice)
      if (watched.kind === 'topics') news.add(notice)
      else for (const pattern of watched.filter.patterns) this.#index.add(pattern, notice)
    }
    open.add(this)
    this.#follow()
  }

  remove(uri: string): void {
    const notice = this.#notices.get(uri)
    if (!notice) return
    this.#notices.delete(uri)
    this.#forget(notice)
    if (this.#notices.size > 0) this.#follow()
    else this.#release('done')
  }

  retell(): void {
    for (const notice of this.#notices.values()) this.#host.pacing.retell(notice)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const notice of this.#notices.values()) this.#forget(notice)
    this.#notices.clear()
    this.#release('client-gone')
  }

  /** Idempotent. */
  end(reason: CloseReason): void {
    if (this.#closed) return
    this.close()
    this.#told.ended(reason)
  }

  /** The subscription has something, or has ended. */
  wake(): void {
    const subscription = this.#subscription
    if (!subscription) return
    for (;;) {
      const taken = subscription.take(Number.POSITIVE_INFINITY)
      if (taken.length === 0) break
      if (taken.some(({ kind }) => kind === 'gap')) this.#markAll()
      else this.#mark(taken.flatMap((delivery) => (delivery.kind === 'events' ? delivery.events : [])))
      // Whoever was told may have closed the watch.
      if (this.#subscription !== subscription) return
    }
    if (subscription.closeReason) this.#over(subscription, subscription.closeReason)
    else subscription.wait(this)
  }

  #requireRoom(fresh: readonly [string, Watched][]): void {
    if (this.#closed) {
      throw new HubError('overloaded', 'What was listened to has ended; subscribe again.', { retryAfterMs: 1000 })
    }
    if (this.#notices.size + fresh.length > MAX_WATCHED_URIS) throw tooManyUris()
    const all = [...this.#notices.values(), ...fresh.map(([, watched]) => ({ watched }))]
    if (patternsOf(all.map(({ watched }) => watched)) > MAX_NARROWED_PATTERNS) {
      throw new HubError(
        'invalid-arguments',
        `Narrowed to what this credential may read, these are more than ${MAX_NARROWED_PATTERNS} patterns; subscribe to fewer.`,
      )
    }
    if (!this.#subscription) this.#host.hub.admission.requireRoom(this.#caller)
  }

  /** Has a subscription that matches the URIs as they are now, from where the one before stood. */
  #follow(): void {
    const { hub } = this.#host
    const filter = watchedFilter(this.#notices.values())
    const before = this.#subscription
    if (before && before.filter.key === filter.key && before.state !== 'closed') return
    const text = before && hub.cursor(before.position)
    // First of all it is not ours any more: closing wakes whoever waits.
    this.#release('done')
    this.#host.open.add(this)
    this.#subscription = hub.subscribe({
      filter,
      start: text === undefined ? undefined : { kind: 'cursor', text, cursor: parseCursor(text) },
      ...this.#caller,
    })
    this.wake()
  }

  #release(reason: 'client-gone' | 'done'): void {
    const subscription = this.#subscription
    this.#subscription = undefined
    this.#host.open.delete(this)
    subscription?.close(reason)
  }

  #over(subscription: Subscription, reason: CloseReason): void {
    const { state } = this.#host.hub.admission
    if (reason !== 'max-age') this.end(reason)
    else if (state === 'ready') this.#follow()
    // One opened now would be missed by the round that tells all.
    else if (this.#subscription === subscription) this.end(state === 'failed' ? 'log-failed' : 'shutdown')
  }

  #forget(notice: Notice): void {
    const { kind, filter } = notice.watched
    if (kind === 'topics') this.#host.news.remove(notice)
    else for (const pattern of filter.patterns) this.#index.remove(pattern, notice)
    this.#host.pacing.forget(notice)
  }

  /**
   * In the middle of a fan-out, so each topic is looked up once and finds its notices by the index: matching every URI with
   * every event let 90 watches of patterns that never match stop the hub for seconds.
   */
  #mark(events: readonly StoredEvent[]): void {
    let open = 0
    for (const { waiting, watched } of this.#notices.values()) if (!waiting && watched.kind === 'events') open++
    const changed = new Set<Notice>()
    const seen = new Map<string, Set<string>>()
    // The newest first: of events with one topic and type it is as good as all of them, whatever they came after.
    for (let at = events.length - 1; at >= 0 && changed.size < open; at--) {
      const { offset, topic, type } = events[at]!
      let topics = seen.get(type)
      if (!topics) {
        topics = new Set()
        seen.set(type, topics)
      }
      if (topics.has(topic)) continue
      topics.add(topic)
      this.#index.match(topic, (notice) => {
        if (notice.waiting || changed.has(notice) || offset <= notice.after) return
        if (filterType(notice.watched.filter, type)) changed.add(notice)
      })
    }
    // Whoever is told may remove others, which are then not told.
    for (const notice of this.#notices.values()) if (changed.has(notice)) this.#host.pacing.changed(notice)
  }

  /** Events are gone that nobody can be told of one by one. */
  #markAll(): void {
    for (const notice of this.#notices.values()) this.#host.pacing.changed(notice)
  }
}

export function tooManyUris(): HubError {
  return new HubError(
    'invalid-arguments',
    `At most ${MAX_WATCHED_URIS} resources are subscribed to at once; use a pattern such as events://topics/orders/**.`,
  )
}
