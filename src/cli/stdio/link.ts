import { setTimeout as delay } from 'node:timers/promises'
import { isLocalUrlHost } from '../../config/host.ts'
import { failureOfText, type HubClient, type HubRequest, helpOf, retryAfterMs } from '../client/hub-client.ts'
import { CommandFailure } from '../failure.ts'
import { withoutSecret } from '../redacted-output.ts'
import { BridgeFailure } from './bridge-failure.ts'
import { boundedText } from './hub-messages.ts'
import type { Troubles } from './troubles.ts'

const ACCEPT = 'application/json, text/event-stream'

/** Answers by which the hub says that it did nothing yet, and when to ask again. */
const NOT_NOW = new Set([429, 503])
const MAX_TRIES = 4
/** A client gives a request up after a minute (the SDKs' default), so all waits together stay below. */
const LONGEST_WAIT_MS = 10_000
const LEAST_WAIT_MS = 100

/** Socket errors after which nobody knows what the hub did with a request. */
const LOST = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ConnectionClosed', 'UnexpectedEOF'])

const MAX_REFUSAL_BYTES = 64 * 1024

/** HTTP to the `/mcp` of one hub. */
export class Link {
  readonly #hub: HubClient
  readonly #secret: string | undefined
  readonly #troubles: Troubles

  constructor(hub: HubClient, secret: string | undefined, troubles: Troubles) {
    this.#hub = hub
    this.#secret = secret
    this.#troubles = troubles
  }

  /**
   * The answer, whatever its status. Waits and asks again a few times while the hub says when to.
   * @throws BridgeFailure when nobody answers; the signal's reason when it aborts
   */
  async post(body: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const request = { body, headers: { accept: ACCEPT, 'content-type': 'application/json', ...headers }, signal }
    for (let tries = 1; ; tries++) {
      const response = await this.#send('POST', request)
      const waitMs = NOT_NOW.has(response.status) ? retryAfterMs(response) : undefined
      if (waitMs === undefined || waitMs > LONGEST_WAIT_MS || tries === MAX_TRIES) return response
      await discard(response)
      await delay(Math.max(waitMs, LEAST_WAIT_MS) * (1 + Math.random() / 4), undefined, { signal })
    }
  }

  /** The session's stream of notifications, or what is left of the stream in which `lastEventId` came. */
  async stream(headers: Record<string, string>, lastEventId: string, signal: AbortSignal): Promise<Response> {
    const resumed: Record<string, string> = lastEventId ? { 'last-event-id': lastEventId } : {}
    return await this.#send('GET', { headers: { accept: 'text/event-stream', ...headers, ...resumed }, signal })
  }

  async endSession(headers: Record<string, string>, signal: AbortSignal): Promise<void> {
    await discard(await this.#send('DELETE', { headers, signal }))
  }

  /** The hub's own sentence. `text` is the answer's body, where it was read already. */
  async refusal(response: Response, method: 'GET' | 'POST', text?: string): Promise<BridgeFailure> {
    const { status } = response
    const body = text ?? (await boundedText(response, MAX_REFUSAL_BYTES).catch(() => ''))
    const { message, hint } = failureOfText(response, body, this.#hub)
    // A model has no use for it.
    const said = hint === helpOf(this.#hub.verb) ? message : `${message} Try: ${hint}`
    return new BridgeFailure(`${method} ${status}`, withoutSecret(said, this.#secret), status)
  }

  /** What a connection that broke while the answer came in means for a request. */
  hungUp(cause?: unknown): BridgeFailure {
    const sentence = `The hub at ${this.#hub.url} hung up before it answered; what was asked for may have been done or not.`
    return new BridgeFailure('POST lost', sentence, undefined, cause)
  }

  async #send(method: 'GET' | 'POST' | 'DELETE', request: HubRequest): Promise<Response> {
    let response: Response
    try {
      response = await this.#hub.send('/mcp', { ...request, method })
    } catch (error) {
      throw error instanceof CommandFailure ? this.#unanswered(error) : error
    }
    this.#troubles.over('away')
    if (response.ok) this.#troubles.over(method)
    return response
  }

  #unanswered(failure: CommandFailure): BridgeFailure {
    const cause = failure.cause
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    if (LOST.has(code)) return this.hungUp(cause)
    const { url } = this.#hub
    const wayOut = isLocalUrlHost(new URL(url).hostname)
      ? 'start it with: mcp-sse serve'
      : 'is MCP_SSE_URL (or --url) its address?'
    const shownCode = code === 'ECONNREFUSED' || code === '' ? '' : ` (${code})`
    return new BridgeFailure('away', `No hub answers at ${url}${shownCode}; ${wayOut}`, undefined, cause)
  }
}

/** Leaves the rest of an answer unread. */
export async function discard(response: Response): Promise<void> {
  // A body that broke is gone as well.
  await response.body?.cancel().catch(() => {})
}
