import { createParser } from 'eventsource-parser'
import { StreamRefused } from './stream-refused.ts'
import { type Asking, codeOf, fieldsOf, type Way } from './way.ts'

export interface Arrival {
  name: string
  data: string
  id: string | undefined
  /** `performance.now()` */
  at: number
}

/** Far more than a probe publishes: a stream that brings more is a busy one of others. */
const MOST_KEPT = 1000
const MAX_FRAME_CHARACTERS = 4 * 1024 * 1024

/** One stream through the way, with the time at which each part came. Nothing is thrown: what happened is read from it. */
export class WatchedStream {
  readonly started = performance.now()
  readonly arrivals: Arrival[] = []
  response: Response | undefined
  /** Of the body, as they came. */
  bytes = 0
  lastByteAt: number | undefined
  endedAt: number | undefined
  /** How it ended, if not by `close`: `the end`, or the code of the error. */
  end: string | undefined
  /** The beginning of an answer that is no stream. */
  refusal = ''
  readonly #abort = new AbortController()
  readonly #closed: Promise<void>
  #wake = Promise.withResolvers<void>()

  private constructor(way: Way, path: string, asking: Asking) {
    const signal = AbortSignal.any([way.signal, this.#abort.signal])
    this.#closed = this.#run(way, path, asking, signal)
  }

  static open(way: Way, path: string, asking: Asking = {}): WatchedStream {
    return new WatchedStream(way, path, { ...asking, headers: { accept: 'text/event-stream', ...asking.headers } })
  }

  named(name: string): Arrival | undefined {
    return this.arrivals.find((arrival) => arrival.name === name)
  }

  /** The fields of the first control event of that name. */
  control(name: string): Record<string, unknown> {
    return fieldsOf(this.named(name)?.data ?? '')
  }

  /** What `check` finds, looked for whenever something came; `undefined` after `ms`, and once the stream has ended. */
  async until<T>(ms: number, check: () => T | undefined): Promise<T | undefined> {
    const deadline = performance.now() + ms
    for (;;) {
      const found = check()
      if (found !== undefined) return found
      const left = deadline - performance.now()
      if (left <= 0 || this.endedAt !== undefined) return undefined
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, left)
      })
      await Promise.race([this.#wake.promise, late])
      clearTimeout(timer)
    }
  }

  /**
   * Why the hub did not take this stream, for now: by a `$closing` before anything else, or where streams are not those of
   * events by a 429 or 503 of the hub: its `code`, or the message of JSON-RPC.
   */
  get refusedFor(): string | undefined {
    const first = this.arrivals[0]
    if (first?.name === '$closing') return String(fieldsOf(first.data).reason)
    if (this.response?.status !== 503 && this.response?.status !== 429) return undefined
    const { code, jsonrpc, error } = fieldsOf(this.refusal)
    if (jsonrpc === '2.0' && typeof error === 'object' && error !== null && 'message' in error)
      return String(error.message)
    return typeof code === 'string' ? code : undefined
  }

  /** For those that then have nothing to look at. @throws StreamRefused */
  requireTaken(): void {
    if (this.refusedFor !== undefined) throw new StreamRefused(this.refusedFor)
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#abort.abort()
    await this.#closed
  }

  async #run(way: Way, path: string, asking: Asking, signal: AbortSignal): Promise<void> {
    try {
      const response = await way.send(path, asking, signal)
      this.response = response
      this.#changed()
      const readable =
        response.status === 200 &&
        response.headers.get('content-type')?.startsWith('text/event-stream') === true &&
        !response.headers.get('content-encoding')
      const decoder = new TextDecoder()
      const parser = this.#parser()
      // A read that hangs in Bun's stream does not see the signal: cancelling ends it.
      const reader = response.body?.getReader()
      const stop = () => void reader?.cancel().catch(() => {})
      signal.addEventListener('abort', stop, { once: true })
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
        if (done || signal.aborted) break
        this.bytes += value.byteLength
        this.lastByteAt = performance.now()
        const text = decoder.decode(value, { stream: true })
        if (readable) parser.feed(text)
        else if (this.refusal.length < 2000) this.refusal += text
        this.#changed()
      }
      this.#end(signal, 'the end')
    } catch (error) {
      this.#end(signal, codeOf(error) ?? (error instanceof Error ? error.message : String(error)))
    }
  }

  #end(signal: AbortSignal, how: string): void {
    this.endedAt = performance.now()
    if (!signal.aborted) this.end = how
    this.#changed()
  }

  #changed(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers<void>()
  }

  #parser() {
    return createParser({
      maxBufferSize: MAX_FRAME_CHARACTERS,
      onEvent: ({ event = 'message', data, id }) => {
        if (this.arrivals.length < MOST_KEPT) this.arrivals.push({ name: event, data, id, at: performance.now() })
      },
    })
  }
}
