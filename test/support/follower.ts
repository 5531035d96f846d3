import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { until } from './until.ts'

/** A well-behaved client of one stream: reads at once what comes, remembers it, does not reconnect. */
export class Follower {
  readonly messages: EventSourceMessage[] = []
  /** The last `retry:`, in milliseconds. */
  retryMs: number | undefined
  /** The stream ended cleanly, or its connection broke. */
  ended: 'no' | 'clean' | 'broken' = 'no'
  readonly #abort = new AbortController()

  /**
   * Resolves when the answer has begun. `keep` says what is remembered of a message, for streams that are too large to be
   * kept whole.
   */
  static async open(
    url: string,
    { headers = {}, keep = (message) => message }: FollowerOptions = {},
  ): Promise<Follower> {
    const follower = new Follower()
    const response = await fetch(url, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: follower.#abort.signal,
    })
    if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
    void follower.#read(response.body!, keep)
    return follower
  }

  /** Messages that are no control events. */
  get events(): EventSourceMessage[] {
    return this.messages.filter((message) => !message.event?.startsWith('$'))
  }

  /** The data of the control events of one type, parsed. */
  control(type: string): Record<string, unknown>[] {
    return this.messages.filter((message) => message.event === type).map((message) => JSON.parse(message.data))
  }

  async opened(): Promise<this> {
    await until('$open or $closing', () => this.messages[0])
    return this
  }

  /** The first message of this type, as soon as it is there. */
  first(type: string): Promise<EventSourceMessage> {
    return until(type, () => this.messages.find(({ event = 'message' }) => event === type))
  }

  /** Resolves when the stream is over. */
  async over(): Promise<void> {
    await until('the stream to end', () => this.ended !== 'no')
  }

  stop(): void {
    this.#abort.abort()
  }

  async #read(body: ReadableStream<Uint8Array>, keep: (message: EventSourceMessage) => EventSourceMessage) {
    const decoder = new TextDecoder()
    const parser = createParser({
      onEvent: (message) => this.messages.push(keep(message)),
      onRetry: (retryMs) => {
        this.retryMs = retryMs
      },
    })
    try {
      for await (const chunk of body) parser.feed(decoder.decode(chunk, { stream: true }))
      this.ended = 'clean'
    } catch {
      this.ended = 'broken'
    }
  }
}

export interface FollowerOptions {
  headers?: Record<string, string>
  keep?: (message: EventSourceMessage) => EventSourceMessage
}
