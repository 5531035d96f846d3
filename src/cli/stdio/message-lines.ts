import { INVALID_REQUEST, PARSE_ERROR } from '../../mcp/json-rpc.ts'
import type { Id } from './message.ts'
import { RequestId } from './request-id.ts'

/** What the MCP SDKs take in one message. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024

const LINE_FEED = 10

export type InputLine =
  | { kind: 'line'; text: string }
  /** `id`: what the answer goes to; `undefined` when there is nobody to answer. */
  | { kind: 'refused'; code: number; reason: string; id: Id | null | undefined }

/**
 * The lines of `stream` that are not empty, until its end or `stop`. The stream is read no faster than lines are asked
 * for. A line above 4 MiB or that is not UTF-8 is refused, and the next one read as if nothing had been.
 */
export async function* messageLines(
  stream: ReadableStream<Uint8Array>,
  stop: AbortSignal,
  maxBytes = MAX_LINE_BYTES,
): AsyncGenerator<InputLine> {
  const reader = stream.getReader()
  // A cancelled read is an end like any other.
  const cancel = () => void reader.cancel().catch(() => {})
  stop.addEventListener('abort', cancel, { once: true })
  const line = new PendingLine(maxBytes)
  try {
    while (!stop.aborted) {
      const { done, value } = await reader.read()
      if (done) break
      let begin = 0
      for (let end = value.indexOf(LINE_FEED); end >= 0; end = value.indexOf(LINE_FEED, begin)) {
        line.append(value.subarray(begin, end))
        begin = end + 1
        const taken = line.take()
        if (taken) yield taken
        if (stop.aborted) return
      }
      line.append(value.subarray(begin))
    }
    const last = line.take()
    if (last && !stop.aborted) yield last
  } finally {
    stop.removeEventListener('abort', cancel)
    cancel()
  }
}

class PendingLine {
  readonly #maxBytes: number
  readonly #kept = new Bun.ArrayBufferSink()
  #bytes = 0
  /** Set from the moment on at which the line is too long. */
  #scanned: RequestId | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    this.#kept.start({ asUint8Array: true, stream: true })
  }

  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#bytes += bytes.length
    if (!this.#scanned && this.#bytes > this.#maxBytes) {
      this.#scanned = new RequestId()
      this.#scanned.feed(this.#kept.flush() as Uint8Array)
    }
    if (this.#scanned) this.#scanned.feed(bytes)
    else this.#kept.write(bytes)
  }

  /** The line that has ended; `undefined` if there is nothing on it. */
  take(): InputLine | undefined {
    const scanned = this.#scanned
    const bytes = this.#bytes
    this.#bytes = 0
    this.#scanned = undefined
    if (scanned) {
      const reason = `A message of ${bytes} bytes is longer than the ${this.#maxBytes} that one may have.`
      return { kind: 'refused', code: INVALID_REQUEST, reason, id: scanned.found }
    }
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(this.#kept.flush() as Uint8Array).trim()
      return text === '' ? undefined : { kind: 'line', text }
    } catch {
      // The decoder's own words say no more than these.
      return { kind: 'refused', code: PARSE_ERROR, reason: 'A message is not UTF-8 text.', id: null }
    }
  }
}
