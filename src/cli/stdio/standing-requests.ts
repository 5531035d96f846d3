import type { Part } from './message.ts'

/** Above what a client subscribes to; a hub has bounds of its own. */
const MAX_STANDING = 1024

const SUBSCRIBE = 'resources/subscribe'
const UNSUBSCRIBE = 'resources/unsubscribe'
const SET_LEVEL = 'logging/setLevel'

/** What a client asked of its session that outlives the request: asked again of the session that takes its place. */
export class StandingRequests {
  readonly #requests = new Map<string, { method: string; params: object }>()
  readonly #most: number

  constructor(most = MAX_STANDING) {
    this.#most = most
  }

  /** @returns false when there is no room for one more, which a new session will therefore not know of */
  granted({ method, params }: Part): boolean {
    const uri = String(params.uri)
    if (method === UNSUBSCRIBE) this.#requests.delete(`${SUBSCRIBE} ${uri}`)
    if (method !== SUBSCRIBE && method !== SET_LEVEL) return true
    const key = method === SUBSCRIBE ? `${method} ${uri}` : method
    if (this.#requests.size >= this.#most && !this.#requests.has(key)) return false
    this.#requests.set(key, { method, params })
    return true
  }

  clear(): void {
    this.#requests.clear()
  }

  all(): { method: string; params: object }[] {
    return [...this.#requests.values()]
  }

  subscribedUris(): string[] {
    return this.all().flatMap(({ method, params }) =>
      method === SUBSCRIBE && 'uri' in params && typeof params.uri === 'string' ? [params.uri] : [],
    )
  }
}
