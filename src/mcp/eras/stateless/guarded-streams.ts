import type { Exchange } from '../../exchange.ts'
import { idOf, messageFrame } from '../../json-rpc.ts'
import type { Outbox } from '../../outbox.ts'
import { type Outboxes, streamHeaders } from '../../outboxes.ts'
import { STOPPING } from './stopping.ts'

/**
 * The SDK's answers that stream, each written through an outbox: the SDK queues without end for a reader that has stopped.
 * What comes out of the SDK is taken at once, so what waits, waits in the outbox, which is bounded; whatever ends the one
 * ends the other, and with it the call.
 */
export class GuardedStreams {
  readonly #outboxes: Outboxes
  readonly #running = new Set<Promise<void>>()
  readonly #report: (error: unknown) => void
  #closing = false

  constructor(outboxes: Outboxes, report: (error: unknown) => void) {
    this.#outboxes = outboxes
    this.#report = report
  }

  guard(exchange: Exchange, { body }: Response): Response {
    const reader = body!.getReader()
    const outbox = this.#outboxes.open(exchange, false, () => void reader.cancel().catch(this.#report))
    const running = this.#pump(reader, outbox, exchange)
      .catch(this.#report)
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
    return new Response(outbox as unknown as BodyInit, { headers: streamHeaders() })
  }

  /** From now on a call that ends without its answer is told why. */
  closing(): void {
    this.#closing = true
  }

  /** Resolves when everything the SDK had to say is in the outboxes. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }

  async #pump(reader: ReadableStreamDefaultReader<Uint8Array>, outbox: Outbox, { body }: Exchange): Promise<void> {
    let last: Uint8Array | undefined
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      last = value
      outbox.push(value)
    }
    if (this.#closing && !isAnswer(last)) {
      outbox.push(messageFrame({ jsonrpc: '2.0', id: idOf(body), error: STOPPING }))
    }
    outbox.finish()
  }
}

/** The SDK writes one message a chunk; an answer is one without a method. */
function isAnswer(chunk: Uint8Array | undefined): boolean {
  const text = new TextDecoder().decode(chunk)
  const message: unknown = JSON.parse(text.slice(text.indexOf('{')) || 'null')
  return typeof message === 'object' && message !== null && !('method' in message)
}
