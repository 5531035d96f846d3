import type { CloseReason } from '../../../core/close-reason.ts'
import { closeRefusal } from '../../catalogue/close-refusal.ts'
import type { Exchange } from '../../exchange.ts'
import { frameOf, idOf, messageFrame, REFUSED } from '../../json-rpc.ts'
import type { Outbox } from '../../outbox.ts'
import { type Outboxes, streamHeaders } from '../../outboxes.ts'
import { STOPPING } from '../../stopping.ts'

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

  get size(): number {
    return this.#running.size
  }

  /** `answer`: of the SDK, as soon as there is one. `giveUp`: ends a call that has none yet; may be called after. */
  guard(exchange: Exchange, answer: Response | Promise<Response>, giveUp: () => void = () => {}): Response {
    let stop = giveUp
    // Clients wait for an answer that never comes: to some, a stream that just ends is none.
    const lastWord = (reason: CloseReason) => refusalFrame(exchange, closeRefusal(reason, 0).message)
    const outbox = this.#outboxes.open(exchange, false, () => stop(), lastWord)
    // Bun 1.4.5 holds the headers back until there is a first byte.
    if (!(answer instanceof Response)) outbox.push(': the answer will follow\n\n')
    const pump = async (): Promise<void> => {
      const response = answer instanceof Response ? answer : await answer
      if (!isStream(response)) {
        const json = await response.text()
        if (json !== '') outbox.push(frameOf(json))
      } else {
        const reader = response.body!.getReader()
        stop = () => void reader.cancel().catch(this.#report)
        if (!outbox.open) stop()
        await this.#pump(reader, outbox, exchange)
      }
      outbox.finish()
    }
    const running = pump()
      .catch((error) => {
        this.#report(error)
        outbox.close('internal')
      })
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
  }
}

function refusalFrame({ body }: Exchange, message: string): string {
  return messageFrame({ jsonrpc: '2.0', id: idOf(body), error: { code: REFUSED, message } })
}

export function isStream({ headers }: Response): boolean {
  return headers.get('content-type') === 'text/event-stream'
}

/** The SDK writes one message a chunk; an answer is one without a method. */
function isAnswer(chunk: Uint8Array | undefined): boolean {
  const text = new TextDecoder().decode(chunk)
  const message: unknown = JSON.parse(text.slice(text.indexOf('{')) || 'null')
  return typeof message === 'object' && message !== null && !('method' in message)
}
