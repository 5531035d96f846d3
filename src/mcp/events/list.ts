import type { Grants } from '../../core/grants.ts'
import type { EventDescriptor, EventType } from './event-type.ts'
import { badParams, listParamsOf } from './params.ts'

const MOST_LISTED = 50

export interface EventsPage {
  events: EventDescriptor[]
  /** Absent at the end. */
  nextCursor?: string
}

/** Who asks for the list. */
export interface Reader {
  grants: Grants
  /** Whether webhooks are among the modes for them. */
  webhooks: boolean
}

/** `events/list`: what the reader may ask for. @throws ProtocolError for a token that is none */
export function listed(types: readonly EventType[], params: unknown, { grants, webhooks }: Reader): EventsPage {
  const { cursor } = listParamsOf(params)
  const rest = typeof cursor === 'string' ? after(types, cursor) : types
  const offered = rest.filter((type) => type.offered(grants)).map(({ descriptor }) => descriptor)
  const page = offered.slice(0, MOST_LISTED)
  const events = webhooks ? page.map(withWebhook) : page
  const last = events.at(-1)
  return { events, ...(last && offered.length > MOST_LISTED ? { nextCursor: tokenOf(last) } : {}) }
}

/** First: clients that know all modes are woken by it without staying. */
function withWebhook(descriptor: EventDescriptor): EventDescriptor {
  return { ...descriptor, delivery: ['webhook', ...descriptor.delivery] }
}

function after(types: readonly EventType[], token: string): readonly EventType[] {
  const index = types.findIndex(({ descriptor }) => tokenOf(descriptor) === token)
  if (index >= 0) return types.slice(index + 1)
  throw badParams('cursor', 'There is no page with this cursor; begin again without one.')
}

function tokenOf({ name }: EventDescriptor): string {
  return Buffer.from(name).toString('base64url')
}
