import type { ClientCapabilities, ServerCapabilities } from '@modelcontextprotocol/server'
import type { Clock } from '../../core/clock.ts'
import type { CloseReason } from '../../core/close-reason.ts'
import type { Hub } from '../../core/hub.ts'
import { placeOf } from '../../core/place.ts'
import type { Principal } from '../../core/principal.ts'
import { round } from '../../core/round.ts'
import type { Asking, Caller } from '../asking.ts'
import { carrierOf } from '../carrier.ts'
import { closeRefusal } from '../catalogue/close-refusal.ts'
import type { Reading } from '../catalogue/reading.ts'
import { type ErrorNumbers, type EventsProfile, errorNumbers } from './error-numbers.ts'
import { EventFeed } from './event-feed.ts'
import { EventStream, type ServerInfo } from './event-stream.ts'
import { EventsError } from './events-error.ts'
import { listed } from './list.ts'
import type { OfferedTypes } from './offered-types.ts'
import { pollParamsOf, type StreamParams, streamParamsOf } from './params.ts'
import { type PollResult, poll } from './poll.ts'
import type { Selection } from './selection.ts'
import { WebhookCalls, type WebhookOffer } from './webhook-calls.ts'

/** The name of the extension, in capabilities (SEP-3415). */
const EXTENSION = 'io.modelcontextprotocol/events'

/** The one whose answer lasts. */
export const STREAM_METHOD = 'events/stream'

/** In both places: clients of the sketch before SEP-3415 look for the first, those of SEP-3415 for the second. */
export const EVENTS_CAPABILITIES = { events: {}, extensions: { [EXTENSION]: {} } } as ServerCapabilities

/** How many streams there may be at once. */
export interface Places {
  connections: number
  connectionsPerPrincipal: number
  connectionsPerAddress: number
}

export interface McpEventsOptions {
  hub: Hub
  clock: Clock
  reading: (principal: Principal) => Reading
  types: OfferedTypes
  /** `undefined`: no type has them. */
  webhooks?: WebhookOffer | undefined
  /** Read at each request. */
  errors: { readonly profile: EventsProfile }
  /** As the hub has them: said to those who are one too many. */
  places: Readonly<Places>
}

/** One request, and what its answer needs besides. */
export interface EventsRequest {
  params: unknown
  asking: Asking
  numbers: ErrorNumbers
  server: ServerInfo
  report: (error: unknown) => void
}

/** @throws EventsError, HubError, ProtocolError */
export type EventsMethod = (request: EventsRequest) => Promise<Record<string, unknown>>

/** MCP Events (SEP-3415): what an agent may ask to be told of. One of it for all servers of a process. */
export class McpEvents {
  /** By their names on the wire. */
  readonly methods: Readonly<Record<string, EventsMethod>>
  readonly #options: McpEventsOptions
  readonly #streams = new Set<EventStream>()

  constructor(options: McpEventsOptions) {
    this.#options = options
    const webhooks = new WebhookCalls(options.types, options.webhooks)
    this.methods = {
      'events/list': async ({ params, asking: { principal } }) => {
        const reader = { grants: principal.grants, webhooks: webhooks.offeredTo(principal) }
        return { ...listed(options.types.all, params, reader) }
      },
      'events/poll': async (request) => ({ ...(await this.#poll(request)) }),
      [STREAM_METHOD]: (request) => this.#stream(request),
      'events/subscribe': (request) => webhooks.subscribe(request),
      'events/unsubscribe': (request) => webhooks.unsubscribe(request),
    }
  }

  /** Streams that are open. */
  get size(): number {
    return this.#streams.size
  }

  /** Those that this client reads errors by. */
  numbersFor(client: ClientCapabilities | undefined): ErrorNumbers {
    return errorNumbers(this.#options.errors.profile, client?.extensions?.[EXTENSION] !== undefined)
  }

  /** The hub has judged who is subscribed; a stream may be between two subscriptions, with what it was allowed before. */
  async reconsider(judge: (principal: Principal) => CloseReason | undefined): Promise<void> {
    await round(this.#options.clock, this.#streams, (stream) => {
      const reason = judge(stream.principal)
      if (reason) stream.end(reason)
    })
  }

  /** Every stream is told its last word. Resolves when those words are on their way. */
  async end(reason: CloseReason): Promise<void> {
    const { clock } = this.#options
    await round(clock, this.#streams, (stream) => stream.end(reason))
    // What a session says goes through the SDK, which takes a few turns.
    await clock.yield()
  }

  async #poll({ params, asking }: EventsRequest): Promise<PollResult> {
    const checked = pollParamsOf(params)
    const selection = this.#selection(checked, asking)
    const { gone } = carrierOf(asking.context)
    return poll(this.#options, {
      params: checked,
      selection,
      caller: asking,
      gone: gone ? [asking.signal, gone] : [asking.signal],
    })
  }

  async #stream({ params, asking, numbers, server, report }: EventsRequest): Promise<Record<string, unknown>> {
    const checked = streamParamsOf(params)
    const selection = this.#selection(checked, asking)
    const { hub, clock } = this.#options
    const place = await placeOf(checked, hub, clock)
    this.#requireRoom(asking)
    const { id, notify } = asking.context.mcpReq
    const feed = new EventFeed(this.#options, asking, selection, place)
    const voice = { id, numbers, occurrences: selection.occurrences, cursor: hub.cursor }
    const stream = new EventStream({ feed, voice, server, open: this.#streams, report })
    this.#streams.add(stream)
    const carrier = carrierOf(asking.context)
    if (!carrier.take) {
      return stream.through({ carrier, notify: (notice) => notify(notice as never), signal: asking.signal })
    }
    carrier.take(stream)
    return {}
  }

  #selection(params: StreamParams, { principal }: Caller): Selection {
    const selection = this.#options.types.select(params.name, params.arguments ?? {}, principal.grants)
    if (!selection) throw new EventsError('NotFound', { kind: 'event' })
    return selection
  }

  #requireRoom(caller: Caller): void {
    const { hub, places } = this.#options
    const refusal = hub.admission.refusal(caller)
    if (!refusal) return
    const exceeded = exceededBy(refusal, places)
    if (exceeded) throw new EventsError('ResourceExhausted', exceeded)
    throw closeRefusal(refusal, hub.admission.retryMs(refusal))
  }
}

/** By the names of the configuration. */
function exceededBy(refusal: CloseReason, places: Places): { limit: string; max: number } | undefined {
  switch (refusal) {
    case 'too-many-connections':
      return { limit: 'connections', max: places.connections }
    case 'too-many-of-principal':
      return { limit: 'connections_per_principal', max: places.connectionsPerPrincipal }
    case 'too-many-of-address':
      return { limit: 'connections_per_address', max: places.connectionsPerAddress }
    default:
      return undefined
  }
}
