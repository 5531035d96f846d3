import type { Clock } from '../core/clock.ts'
import type { CloseReason } from '../core/close-reason.ts'
import type { Hub } from '../core/hub.ts'
import type { Caller } from './asking.ts'
import type { Watched } from './catalogue/catalogue.ts'
import { Pacing } from './watching/pacing.ts'
import { ResourceWatch, type WatchHost } from './watching/resource-watch.ts'
import { TopicNews } from './watching/topic-news.ts'

export interface WatchingOptions {
  hub: Hub
  clock: Clock
  /** Failures nobody foresaw. */
  report: (error: unknown) => void
}

/** Who is told of what a watch sees. Called in the middle of a fan-out: it takes and returns, and MUST NOT throw. */
export interface Told {
  /** The resource has changed. `false`: nobody is there to be told; it is kept for `retell`. */
  updated(uri: string): boolean
  /** The watch has ended: the credential did, its grants changed, or the hub stops. */
  ended(reason: CloseReason): void
}

/** Resource URIs that one session or one stream of 2026-07-28 listens to. */
export interface Watch {
  /** Adding what is there already changes nothing. @throws HubError `overloaded`, `draining`, `invalid-arguments` when full */
  add(uri: string, watched: Watched): void
  remove(uri: string): void
  readonly uris: readonly string[]
  /** Tells what could not be told, each once. */
  retell(): void
  /** Idempotent; `ended` is not called. */
  close(): void
}

/**
 * Resources are watched through subscriptions of the hub: by the principal's grants, from the commit feed. A watch holds
 * one, so it counts as a connection; of what changes only the URI is kept, so nothing queues.
 */
export class Watching {
  readonly #pacing: Pacing
  readonly #host: WatchHost
  readonly #open = new Set<ResourceWatch>()

  constructor({ hub, clock, report }: WatchingOptions) {
    this.#pacing = new Pacing(clock, report)
    this.#host = { hub, pacing: this.#pacing, news: new TopicNews(hub.log, this.#pacing, report), open: this.#open }
  }

  /** Watches that have something to watch. */
  get size(): number {
    return this.#open.size
  }

  /** Costs nothing and is refused nothing before a URI is added. */
  watch(caller: Caller, told: Told): ResourceWatch {
    return new ResourceWatch(this.#host, caller, told)
  }

  /** Ends every watch. */
  close(): void {
    for (const watch of [...this.#open]) watch.end('shutdown')
    this.#pacing.close()
  }
}
