import type { Ledger } from './ledger.ts'

const EVERY_MS = 200

export interface CallersOptions {
  url: string
  headers: Record<string, string>
  ledger: Ledger
}

/** Short requests, five a second: pages of history from both ends, topics, connections, whoami, tickets. */
export class Callers {
  /** The newest ticket, for streams of those who send no headers. */
  ticket = ''
  readonly #options: CallersOptions
  #beat: Timer | undefined
  #turn = 0

  constructor(options: CallersOptions) {
    this.#options = options
  }

  start(): void {
    this.#beat ??= setInterval(() => void this.#one(), EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#beat)
    this.#beat = undefined
  }

  async #one(): Promise<void> {
    const { ledger } = this.#options
    try {
      switch (this.#turn++ % 6) {
        case 0:
          return await this.#walk('/events?format=json&since=earliest&limit=1000')
        case 1:
          return await this.#walk('/events/soak/4/*?format=json&limit=200')
        case 2:
          return void (await this.#ask('/topics'))
        case 3:
          return void (await this.#ask('/connections'))
        case 4:
          return void (await this.#ask('/whoami'))
        default: {
          const { ticket } = await this.#ask('/tickets', { method: 'POST', body: '{"topics":["soak/**"],"ttl":"1m"}' })
          this.ticket = ticket as string
        }
      }
    } catch (error) {
      ledger.failed('A request failed', error)
    }
  }

  async #walk(path: string): Promise<void> {
    const { cursor } = await this.#ask(path)
    await this.#ask(`/events?format=json&limit=100&since=${cursor}`)
  }

  async #ask(path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
    const { url, headers, ledger } = this.#options
    const response = await fetch(url + path, {
      ...init,
      headers: { ...headers, 'content-type': 'application/json' },
      // A connection each: kept ones would still be there when the others are gone.
      keepalive: false,
      signal: AbortSignal.timeout(10_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path} → ${response.status} ${text.slice(0, 200)}`)
    ledger.count('short requests')
    return JSON.parse(text)
  }
}
