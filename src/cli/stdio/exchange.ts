import { setTimeout as delay } from 'node:timers/promises'
import { REFUSED } from '../../mcp/json-rpc.ts'
import { BridgeFailure } from './bridge-failure.ts'
import { boundedText, DEFAULT_RETRY_MS, hubMessages, notOfAHub, type StreamPlace } from './hub-messages.ts'
import { discard, type Link } from './link.ts'
import { errorText, type Id, LISTEN, type Message, type Part, parseMessage, requestIds, soleCall } from './message.ts'
import type { Outlet } from './outlet.ts'
import type { Route } from './route.ts'
import type { Troubles } from './troubles.ts'

/** Connections in a row that brought nothing, until a stream is given up. */
const MAX_RESUMES = 5
const MAX_REFUSAL_BYTES = 1024 * 1024
/** How a notification is taken: 202 (2025-11-25, transports, "Sending Messages"), and what servers say instead. */
const TAKEN = new Set([200, 202, 204])

/** What an exchange needs besides its message and its way. */
export interface Surroundings {
  link: Link
  outlet: Outlet
  troubles: Troubles
}

/**
 * One message of the client and everything the hub answers to it. Every request in it gets an answer, if need be an
 * error from here, unless it was cancelled.
 */
export class Exchange {
  readonly message: Message
  readonly #route: Route
  readonly #around: Surroundings
  readonly #unanswered: Set<Id>
  readonly #cancelled = new AbortController()
  readonly #place: StreamPlace = { lastEventId: '', retryMs: DEFAULT_RETRY_MS }
  #accepted = false

  constructor(message: Message, route: Route, around: Surroundings) {
    this.message = message
    this.#route = route
    this.#around = around
    this.#unanswered = new Set(requestIds(message))
  }

  awaits(id: unknown): boolean {
    return this.#unanswered.has(id as Id)
  }

  /** Closes the connection. Nothing more is written, and no error either. */
  cancel(): void {
    this.#cancelled.abort()
  }

  /** Never throws. @returns whether the hub took the message */
  async run(limit?: AbortSignal): Promise<boolean> {
    const signal = limit ? AbortSignal.any([this.#cancelled.signal, limit]) : this.#cancelled.signal
    try {
      await this.#converse(signal)
    } catch (error) {
      if (!this.#cancelled.signal.aborted && !isAbort(error)) await this.#fail(error)
    }
    return this.#accepted
  }

  async #converse(signal: AbortSignal): Promise<void> {
    const { response, resume } = await this.#route.post(this.message, signal)
    let lost = await this.#read(response, signal)
    for (let fruitless = 0; this.#unanswered.size > 0; ) {
      const { lastEventId, retryMs } = this.#place
      if (!lastEventId || !resume || fruitless === MAX_RESUMES) throw this.#hungUp(lost)
      // A hub that ends the stream on purpose says when to come back (2025-11-25, transports, "Sending Messages").
      await delay(retryMs * 2 ** fruitless * (1 + Math.random() / 4), undefined, { signal })
      const resumed = await this.#resume(resume(lastEventId, signal))
      if (resumed) lost = await this.#read(resumed, signal)
      fruitless = this.#place.lastEventId === lastEventId ? fruitless + 1 : 0
    }
  }

  /** `undefined` when the hub could not be reached, which may pass. @throws BridgeFailure when the stream is gone */
  async #resume(asked: Promise<Response> | undefined): Promise<Response | undefined> {
    if (!asked) throw this.#hungUp()
    let response: Response
    try {
      response = await asked
    } catch (error) {
      if (error instanceof BridgeFailure) return undefined
      throw error
    }
    if (response.ok) return response
    await discard(response)
    if (response.status === 429 || response.status >= 500) return undefined
    throw this.#hungUp()
  }

  #hungUp(cause?: unknown): BridgeFailure {
    if (soleCall(this.message)?.method !== LISTEN) return this.#around.link.hungUp(cause)
    return new BridgeFailure('POST lost', 'The hub ended the subscription. Ask for it again.', undefined, cause)
  }

  /** @returns what broke the connection, if it broke; `undefined` after an end */
  async #read(response: Response, signal: AbortSignal): Promise<unknown> {
    if (!response.ok) {
      await this.#refused(response)
      return undefined
    }
    if (this.#unanswered.size === 0) {
      await discard(response)
      if (!TAKEN.has(response.status)) throw notOfAHub(response, 'no sign that it took a notification')
      this.#accepted = true
      return undefined
    }
    this.#accepted = true
    try {
      for await (const text of hubMessages(response, this.#place, signal)) await this.#forward(text, signal)
      return undefined
    } catch (error) {
      if (signal.aborted || error instanceof BridgeFailure) throw error
      return error
    }
  }

  async #forward(text: string, signal: AbortSignal): Promise<void> {
    const message = parseMessage(text)
    if (typeof message === 'number') {
      this.#around.troubles.report('answer', 'The hub sent something that is no JSON-RPC message; it was left out.')
      return
    }
    if (signal.aborted) return
    for (const part of message.parts) this.#note(part)
    await this.#around.outlet.write(text)
  }

  #note(answer: Part): void {
    if (answer.method !== undefined || answer.id === undefined || !this.#unanswered.delete(answer.id)) return
    const request = this.message.parts.find(({ id, method }) => id === answer.id && method !== undefined)
    this.#route.answered?.(request!, answer)
  }

  /** An HTTP error: JSON-RPC says it in the hub's words, with the request's own id where the hub knew none. */
  async #refused(response: Response): Promise<void> {
    const text = await boundedText(response, MAX_REFUSAL_BYTES)
    const message = parseMessage(text)
    const error = typeof message === 'number' ? undefined : message.parts[0]?.error
    if (!error) throw await this.#around.link.refusal(response, 'POST', text)
    const { status } = response
    if (this.#unanswered.size === 0) {
      throw new BridgeFailure(`POST ${status}`, `The hub did not take a notification: ${String(error.message)}`, status)
    }
    for (const id of this.#taken()) await this.#around.outlet.write(JSON.stringify({ jsonrpc: '2.0', id, error }))
  }

  async #fail(error: unknown): Promise<void> {
    const { kind, message, status } = asFailure(error)
    this.#around.troubles.report(kind, message)
    for (const id of this.#taken()) {
      await this.#around.outlet.write(errorText(id, REFUSED, message, status === undefined ? undefined : { status }))
    }
  }

  #taken(): Id[] {
    const ids = [...this.#unanswered]
    this.#unanswered.clear()
    return ids
  }
}

/** The bridge ends, and with it whatever was under way. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

function asFailure(error: unknown): BridgeFailure {
  if (error instanceof BridgeFailure) return error
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new BridgeFailure('slow', 'The hub did not take a message in time.', undefined, error)
  }
  return new BridgeFailure('bridge', error instanceof Error ? error.message : String(error), undefined, error)
}
