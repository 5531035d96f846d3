import type { StoredEvent } from '../../core/event.ts'
import type { Filter } from '../../core/filter.ts'
import type { Grants } from '../../core/grants.ts'

/** How events of one type reach who asks for them. */
export type DeliveryMode = 'webhook' | 'push' | 'poll'

type JsonSchema = Readonly<Record<string, unknown>>

/** As `events/list` shows it. */
export interface EventDescriptor {
  name: string
  description: string
  delivery: readonly DeliveryMode[]
  /** Of `arguments`. */
  inputSchema: JsonSchema
  /** Of `data`. */
  payloadSchema: JsonSchema
}

export type Payload = Readonly<Record<string, unknown>>

/** What one subscription waits for. */
export interface Wanted {
  /** Narrowed to the grants: what the log and the fan-out go by. */
  filter: Filter
  /** Of what the filter matches; `undefined`: all of it. */
  matches: ((payload: Payload) => boolean) | undefined
}

/** A kind of event that an agent may ask to be told of. */
export interface EventType {
  readonly descriptor: EventDescriptor
  /** Whether it is listed for somebody with these grants. */
  offered(grants: Grants): boolean
  /** @throws HubError `invalid-arguments`, its pointer into the arguments; `forbidden` and the others of `narrowFilter` */
  wanted(values: Readonly<Record<string, unknown>>, grants: Grants): Wanted
  /** `undefined` for an event that does not fit the payload schema, or no delivery: it was stored before there was one. */
  payload(event: StoredEvent): Payload | undefined
}

/** Those that everyone may use; webhooks are added for those who may leave one behind. */
export const BOTH_MODES: readonly DeliveryMode[] = ['push', 'poll']
