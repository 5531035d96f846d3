import { BridgeFailure } from './bridge-failure.ts'
import { DEFAULT_RETRY_MS, hubMessages } from './hub-messages.ts'
import { discard, type Link } from './link.ts'
import { callText, type Message, type Part, parseMessage, soleCall } from './message.ts'
import type { Posted, Route } from './route.ts'
import { StandingRequests } from './standing-requests.ts'
import type { Troubles } from './troubles.ts'

/** Never an id of the client's: its answer goes to no client. */
const OWN_ID = 'mcp-sse-stdio'
const INITIALIZED = callText('notifications/initialized', undefined)

/** A message is repeated in so many new sessions at most. */
const MAX_RENEWALS = 2
const RENEWAL_MS = 30_000
const END_MS = 500

/** What the hub gave in answer to `initialize`. */
interface Established {
  id: string | undefined
  version: string | undefined
}

/**
 * The client's session (2025-03-26 to 2025-11-25), which outlives those of the hub: when the hub has forgotten it, it is
 * made again with the client's own words, one attempt at a time, and what the client stands to is asked for again.
 */
export class Session implements Route {
  readonly #link: Link
  readonly #troubles: Troubles
  readonly #stop: AbortSignal
  readonly #standing = new StandingRequests()
  #params: object | undefined
  #established: Established | undefined
  #ready = false
  /** Of the client's own `initialize`. */
  #handshake: Promise<unknown> | undefined
  #renewal: Promise<void> | undefined
  /** Called when another session took the place of the last one. */
  onRenewed: () => void = () => {}

  constructor(link: Link, troubles: Troubles, stop: AbortSignal) {
    this.#link = link
    this.#troubles = troubles
    this.#stop = stop
  }

  /** Whether the client ever asked for a session. */
  get begun(): boolean {
    return this.#params !== undefined
  }

  /** What the next request goes by; a new object for every session. */
  get established(): Established | undefined {
    return this.#established
  }

  /** The way of the client's `initialize`; all else waits for `exchange`, which takes it. */
  begin(message: Message, start: (route: Route) => Promise<unknown>): void {
    const former = this.#established
    if (former) void this.#end(former)
    this.#params = soleCall(message)?.params ?? {}
    this.#established = undefined
    this.#ready = false
    this.#standing.clear()
    let id: string | undefined
    this.#handshake = start({
      post: async ({ text }, signal) => {
        const response = await this.#link.post(text, {}, signal)
        id = response.headers.get('mcp-session-id') ?? undefined
        return { response }
      },
      answered: (_, answer) => {
        if (answer.result) this.#established = { id, version: versionOf(answer) }
      },
    })
  }

  /** The hub took the client's `notifications/initialized`. */
  ready(): void {
    this.#ready = true
  }

  async post(message: Message, signal: AbortSignal): Promise<Posted> {
    await this.#handshake
    // Whoever asked for the renewal hears of its failure.
    await this.#renewal?.catch(() => {})
    for (let renewals = 0; ; renewals++) {
      const established = this.#established
      const response = await this.#link.post(message.text, headersOf(established), signal)
      if (response.status !== 404 || established?.id === undefined || renewals === MAX_RENEWALS) {
        // The ids of a stream mean nothing to a session that was made later.
        const resume: Posted['resume'] = (lastEventId, signal) =>
          this.#established === established ? this.stream(lastEventId, signal) : undefined
        return { response, resume }
      }
      await discard(response)
      await this.renew(established)
      // The question was asked in a session that is gone, and its id may be another question's in this one.
      if (message.parts.every(({ method }) => method === undefined)) {
        return { response: new Response(null, { status: 202 }) }
      }
    }
  }

  stream(lastEventId: string, signal: AbortSignal): Promise<Response> {
    return this.#link.stream(headersOf(this.#established), lastEventId, signal)
  }

  answered(request: Part, answer: Part): void {
    if (!answer.result || this.#standing.granted(request)) return
    this.#troubles.report(
      'standing',
      'The client has more subscriptions than are remembered; when the hub starts again, it has to subscribe to the last ones itself.',
    )
  }

  subscribedUris(): string[] {
    return this.#standing.subscribedUris()
  }

  /** Makes a session in place of `stale` unless that was done. @throws BridgeFailure */
  async renew(stale: Established): Promise<void> {
    if (this.#established !== stale) return
    this.#renewal ??= this.#renewOnce(stale).finally(() => {
      this.#renewal = undefined
    })
    await this.#renewal
  }

  /** Best effort: a hub forgets sessions by itself. */
  async end(): Promise<void> {
    if (this.#established) await this.#end(this.#established)
  }

  async #end(established: Established): Promise<void> {
    if (established.id === undefined) return
    // Nothing is left that could be done about it.
    await this.#link.endSession(headersOf(established), AbortSignal.timeout(END_MS)).catch(() => {})
  }

  async #renewOnce(stale: Established): Promise<void> {
    const signal = AbortSignal.any([this.#stop, AbortSignal.timeout(RENEWAL_MS)])
    const { response, answer } = await this.#ask('initialize', this.#params ?? {}, undefined, signal)
    if (!answer.result) throw this.#notRenewed(answer)
    const fresh = { id: response.headers.get('mcp-session-id') ?? undefined, version: versionOf(answer) }
    if (this.#ready) await discard(await this.#link.post(INITIALIZED, headersOf(fresh), signal))
    for (const { method, params } of this.#standing.all()) {
      const { answer } = await this.#ask(method, params, fresh, signal)
      if (!answer.result) {
        const said = String(answer.error?.message)
        this.#troubles.report('standing refused', `The hub started again and now refuses ${method}: ${said}`)
      }
    }
    // The client may have begun anew itself meanwhile.
    if (this.#established !== stale) return await this.#end(fresh)
    this.#established = fresh
    this.onRenewed()
  }

  async #ask(method: string, params: object, established: Established | undefined, signal: AbortSignal) {
    const response = await this.#link.post(callText(method, params, OWN_ID), headersOf(established), signal)
    if (!response.ok) throw await this.#link.refusal(response, 'POST')
    for await (const text of hubMessages(response, { lastEventId: '', retryMs: DEFAULT_RETRY_MS }, signal)) {
      const message = parseMessage(text)
      const answer = typeof message === 'number' ? undefined : message.parts.find(({ id }) => id === OWN_ID)
      if (answer) return { response, answer }
    }
    throw this.#link.hungUp()
  }

  #notRenewed({ error }: Part): BridgeFailure {
    const said = String(error?.message)
    return new BridgeFailure(
      'renewal',
      `The hub forgot the session and refuses another: ${said}. Start the client again.`,
    )
  }
}

function headersOf(established: Established | undefined): Record<string, string> {
  const { id, version } = established ?? {}
  return {
    ...(id === undefined ? {} : { 'mcp-session-id': id }),
    ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
  }
}

function versionOf({ result }: Part): string | undefined {
  return typeof result?.protocolVersion === 'string' ? result.protocolVersion : undefined
}
