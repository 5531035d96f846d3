import type { Grants } from '../../core/grants.ts'
import type { EventDescriptor, EventType } from './event-type.ts'
import { badParams, listParamsOf } from './params.ts'

const MOST_LISTED = 50

export interface EventsPage {
  events: EventDescriptor[]
  /** Absent at the end. */
  nextCursor?: string
}

/** `events/list`: what these grants may ask for. @throws ProtocolError for a token that is none */
export function listed(types: readonly EventType[], params: unknown, grants: Grants): EventsPage {
  const { cursor } = listParamsOf(params)
  const rest = typeof cursor === 'string' ? after(types, cursor) : types
  const offered = rest.filter((type) => type.offered(grants)).map(({ descriptor }) => descriptor)
  const events = offered.slice(0, MOST_LISTED)
  const last = events.at(-1)
  return { events, ...(last && offered.length > MOST_LISTED ? { nextCursor: tokenOf(last) } : {}) }
}

function after(types: readonly EventType[], token: string): readonly EventType[] {
  const index = types.findIndex(({ descriptor }) => tokenOf(descriptor) === token)
  if (index >= 0) return types.slice(index + 1)
  throw badParams('cursor', 'There is no page with this cursor; begin again without one.')
}

function tokenOf({ name }: EventDescriptor): string {
  return Buffer.from(name).toString('base64url')
}
