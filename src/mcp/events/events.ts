import type { ClientCapabilities, ServerCapabilities } from '@modelcontextprotocol/server'
import type { Clock } from '../../core/clock.ts'
import type { CloseReason } from '../../core/close-reason.ts'
import type { CheckedEventType } from '../../core/event-types.ts'
import type { Hub } from '../../core/hub.ts'
import type { Principal } from '../../core/principal.ts'
import { round } from '../../core/round.ts'
import type { Asking, Caller } from '../asking.ts'
import { carrierOf } from '../carrier.ts'
import { closeRefusal } from '../catalogue/close-refusal.ts'
import type { Reading } from '../catalogue/reading.ts'
import { declaredEvent } from './declared-event.ts'
import { EventFeed } from './event-feed.ts'
import { EventStream, type ServerInfo } from './event-stream.ts'
import type { EventType } from './event-type.ts'
import { type ErrorNumbers, EventsError, type EventsProfile, errorNumbers } from './events-error.ts'
import { listed } from './list.ts'
import { Occurrences } from './occurrence.ts'
import { pollParamsOf, type StreamParams, streamParamsOf } from './params.ts'
import { placeOf } from './place.ts'
import { type PollResult, poll } from './poll.ts'
import { Selection } from './selection.ts'
import { topicEvent } from './topic-event.ts'

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
  /** Of the configuration; `topic.event` is always there. */
  declared: readonly CheckedEventType[]
  profile: EventsProfile
  /** Quiet time on a stream before a heartbeat. */
  heartbeatMs: number
  /** As the hub has them: said to those who are one too many. */
  places: Places
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

/** MCP Events (SEP-3415), poll and push: what an agent may ask to be told of. One of it for all servers of a process. */
export class McpEvents {
  /** By their names on the wire. */
  readonly methods: Readonly<Record<string, EventsMethod>>
  readonly #options: McpEventsOptions
  readonly #types: readonly EventType[]
  readonly #occurrences: ReadonlyMap<EventType, Occurrences>
  readonly #streams = new Set<EventStream>()

  constructor(options: McpEventsOptions) {
    this.#options = options
    this.#types = [topicEvent, ...options.declared.map(declaredEvent)]
    this.#occurrences = new Map(this.#types.map((type) => [type, new Occurrences(type)]))
    this.methods = {
      'events/list': async ({ params, asking }) => ({ ...listed(this.#types, params, asking.principal.grants) }),
      'events/poll': async (request) => ({ ...(await this.#poll(request)) }),
      [STREAM_METHOD]: (request) => this.#stream(request),
    }
  }

  /** Streams that are open. */
  get size(): number {
    return this.#streams.size
  }

  /** Those that this client reads errors by. */
  numbersFor(client: ClientCapabilities | undefined): ErrorNumbers {
    return errorNumbers(this.#options.profile, client?.extensions?.[EXTENSION] !== undefined)
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
    const type = this.#types.find(({ descriptor }) => descriptor.name === params.name)
    if (!type) throw new EventsError('NotFound', { kind: 'event' })
    return new Selection(this.#occurrences.get(type)!, type.wanted(params.arguments ?? {}, principal.grants))
  }

  #requireRoom(caller: Caller): void {
    const { hub, places } = this.#options
    const refusal = hub.refusal(caller)
    if (!refusal) return
    const exceeded = exceededBy(refusal, places)
    if (exceeded) throw new EventsError('ResourceExhausted', exceeded)
    throw closeRefusal(refusal, hub.retryMs(refusal))
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
