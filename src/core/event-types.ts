import { HubError } from './errors.ts'
import type { Draft } from './event.ts'
import { matchesType, type TypeFilter } from './event-type.ts'
import type { Pattern } from './pattern.ts'
import { TopicIndex } from './topic-index.ts'

/** A kind of event that the operator declared: what is advertised of it, and what data has to fit to be published. */
export interface DeclaredEventType {
  /** 1-128 characters of `A-Z a-z 0-9 . _ -`, unique. */
  readonly name: string
  readonly description: string
  readonly topic: Pattern
  /** `undefined`: every type. */
  readonly type: TypeFilter | undefined
  /** JSON Schema 2020-12 of type object, as it was configured. */
  readonly payloadSchema: Readonly<Record<string, unknown>>
  readonly filters: readonly EventTypeFilter[]
}

/** An argument a reader may give, compared for equality with one place in the data. */
export interface EventTypeFilter {
  readonly argument: string
  /** RFC 6901, into `data`; never the whole of it. */
  readonly pointer: string
  /** The JSON Schema of that place, of text, numbers, booleans and null; `{type: 'string'}` where nothing says more. */
  readonly schema: Readonly<Record<string, unknown>>
}

/**
 * What the payload schema says of data as JSON.parse made it; `undefined` when it fits. Data that was stored before the
 * type was declared may not fit, so whoever advertises the schema asks about what it reads, too.
 */
export type PayloadRule = (data: unknown) => PayloadRefusal | undefined

export interface PayloadRefusal {
  /** RFC 6901, into the data. */
  readonly pointer: string
  /** `must be one of "passed", "failed" (enum)`: what the place at the pointer does not keep to. */
  readonly rule: string
}

export interface CheckedEventType extends DeclaredEventType {
  readonly fits: PayloadRule
}

/**
 * Of data as an occurrence of MCP Events has it: with its envelope, what delivers one has at most 262,144 bytes then
 * (SEP-3415, and what its receivers take).
 */
export const MAX_PAYLOAD_BYTES = 262_144 - 512
/** JSON that is read and written again has up to five times as many bytes: `1e20` has 21 digits then. */
const MOST_GROWTH = 6

/** Whether data that had so many bytes as it was sent can be delivered. */
export function isDeliverable(data: unknown, bytes: number): boolean {
  return bytes * MOST_GROWTH <= MAX_PAYLOAD_BYTES || Buffer.byteLength(JSON.stringify(data)) <= MAX_PAYLOAD_BYTES
}

/** Always there, and made by the hub: no declared one may take its name. */
export const BUILT_IN_EVENT_TYPE = 'topic.event'

/** What the operator declared. An event may be of several of them, and then has to fit each. */
export class EventTypes {
  readonly declared: readonly CheckedEventType[]
  readonly #index = new TopicIndex<CheckedEventType>()

  constructor(declared: readonly CheckedEventType[]) {
    this.declared = declared
    for (const type of declared) this.#index.add(type.topic, type)
  }

  /**
   * Refuses all when one does not fit. Costs a look-up for each change of topic where no type covers it, and nothing
   * where none is declared. @throws HubError `invalid-event`, its pointer `/<index of the draft>/data…`; `event-too-large`
   */
  check(drafts: readonly Draft[]): void {
    if (this.declared.length === 0) return
    let topic: string | undefined
    let covering: readonly CheckedEventType[] = []
    for (let index = 0; index < drafts.length; index++) {
      const draft = drafts[index]!
      if (draft.topic !== topic) covering = this.#covering(draft.topic)
      topic = draft.topic
      if (covering.length > 0) requireFit(draft, covering, index)
    }
  }

  #covering(topic: string): CheckedEventType[] {
    const found: CheckedEventType[] = []
    this.#index.match(topic, (type) => found.push(type))
    return found
  }
}

function requireFit(draft: Draft, covering: readonly CheckedEventType[], index: number): void {
  let data: unknown
  let delivered: string | undefined
  for (const { name, type, fits } of covering) {
    if (type && !matchesType(type, draft.type)) continue
    // Data that is JSON is never undefined.
    data ??= draft.isText ? draft.data : JSON.parse(draft.data)
    delivered = name
    const refusal = fits(data)
    if (!refusal) continue
    const place = `/data${refusal.pointer}`
    throw new HubError('invalid-event', `The data is not of the event type ${name}: ${place} ${refusal.rule}.`, {
      pointer: `/${index}${place}`,
    })
  }
  if (delivered === undefined || isDeliverable(data, draft.bytes)) return
  throw new HubError(
    'event-too-large',
    `Numbers such as 1e20 are delivered with all their digits, and then the data has more than ${MAX_PAYLOAD_BYTES} bytes, the most there may be of the event type ${delivered}; publish a link to larger things.`,
    { pointer: `/${index}/data` },
  )
}
