import { setTimeout as delay } from 'node:timers/promises'
import { MAX_BODY_BYTES } from '../../http/body.ts'
import { MAX_BATCH_EVENTS } from '../../http/publish/publication.ts'
import { hubDocument } from '../client/hub-answer.ts'
import { failureOfAnswer, type HubClient, retryAfterMs } from '../client/hub-client.ts'
import { CommandFailure } from '../failure.ts'

const MAX_TRIES = 10
const FIRST_WAIT_MS = 250

export interface Published {
  events: number
  duplicates: number
  /** Of the last event; `undefined` when nothing was published. */
  cursor: string | undefined
}

interface BatchDocument {
  events: { duplicate?: boolean }[]
  cursor: string
}

/**
 * Sends event lines in the fewest requests that a slow source allows: while one request is under way the next batch
 * fills, and a full one holds the source back. Batches go in order, one at a time.
 */
export class BatchSender {
  readonly published: Published = { events: 0, duplicates: 0, cursor: undefined }
  readonly #hub: HubClient
  #lines: string[] = []
  /** Number of the first of `#lines` in its source. */
  #first = 1
  #bytes = 0
  #sending: Promise<void> | undefined
  #failure: { error: unknown } | undefined

  constructor(hub: HubClient) {
    this.#hub = hub
  }

  /** Waits only while a full batch waits. `number` is the line's in its source. @throws what a batch before this one failed with. */
  async add(line: string, number: number): Promise<void> {
    const bytes = Buffer.byteLength(line) + 1
    if (this.#lines.length >= MAX_BATCH_EVENTS || (this.#bytes > 0 && this.#bytes + bytes > MAX_BODY_BYTES)) {
      await this.#sending
      this.start()
    }
    this.#rethrow()
    if (this.#lines.length === 0) this.#first = number
    this.#lines.push(line)
    this.#bytes += bytes
  }

  /** Sends what has gathered unless a request is under way already. */
  start(): void {
    if (this.#sending || this.#failure || this.#lines.length === 0) return
    const lines = this.#lines
    this.#lines = []
    this.#bytes = 0
    this.#sending = this.#send(lines, this.#first)
      .catch((error) => {
        this.#failure = { error }
      })
      .finally(() => {
        this.#sending = undefined
        // What gathered meanwhile must not wait for a source that may be silent now.
        this.start()
      })
  }

  /** Sends the rest and waits for the last answer. */
  async finish(): Promise<void> {
    while (this.#sending || (this.#lines.length > 0 && !this.#failure)) {
      this.start()
      await this.#sending
    }
    this.#rethrow()
  }

  #rethrow(): void {
    if (this.#failure) throw this.#failure.error
  }

  async #send(lines: readonly string[], first: number): Promise<void> {
    const body = `${lines.join('\n')}\n`
    for (let attempt = 1; ; attempt++) {
      const response = await this.#hub.send('/events', {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body,
      })
      if (response.ok) {
        const answer = await hubDocument<BatchDocument>(response, 'events')
        this.published.events += lines.length
        this.published.duplicates += answer.events.filter((event) => event.duplicate).length
        this.published.cursor = answer.cursor
        return
      }
      // Nothing of a refused batch was stored; a lost connection says nothing, so that one is not tried again.
      const temporary = response.status === 429 || response.status === 503
      if (!temporary || attempt === MAX_TRIES) {
        const { message, hint, exitCode } = await failureOfAnswer(response, this.#hub)
        throw new CommandFailure(`In the request that began with line ${first}: ${message}`, hint, exitCode)
      }
      await response.body?.cancel()
      await delay((retryAfterMs(response) ?? FIRST_WAIT_MS * attempt) * (1 + Math.random() / 4))
    }
  }
}
