import { requireCursor } from '../core/cursor.ts'
import { HubError } from '../core/errors.ts'
import type { EventLog } from '../core/event-log.ts'
import { requireAdmin } from '../core/grants.ts'
import type { Principal } from '../core/principal.ts'
import { requireTopic } from '../core/topic.ts'
import { parametersOf, pathTail } from './parameters.ts'
import { visited } from './visitor.ts'

/** `DELETE /events/{cursor}`, `DELETE /topics/{topic}`: what should not have been published goes for good. */
export function erase(log: EventLog) {
  return visited('http/erase')
    .delete('/events/*', ({ request, visitor }) => eraseEvent(log, request, visitor.principal), { parse: 'none' })
    .delete('/topics/*', ({ request, visitor }) => eraseTopic(log, request, visitor.principal), { parse: 'none' })
}

async function eraseEvent(log: EventLog, request: Request, { grants }: Principal): Promise<Response> {
  requireAdmin(grants)
  parametersOf(request, [])
  const cursor = requireCursor(pathTail(request, '/events/', 'invalid-cursor', '/cursor'))
  const offset = log.generations.resolve(cursor, log.head)
  // The place before a generation's first event is a good cursor too, but names no event of it.
  const names = offset !== undefined && log.generations.epochAt(offset) === cursor.epoch
  const erased = names ? await log.erase({ offset }) : 0
  return erasedAnswer(erased, 'No event is kept at this cursor; it may have expired.')
}

async function eraseTopic(log: EventLog, request: Request, { grants }: Principal): Promise<Response> {
  requireAdmin(grants)
  parametersOf(request, [])
  const topic = requireTopic(pathTail(request, '/topics/', 'invalid-topic'))
  return erasedAnswer(await log.erase({ topic }), 'No event of this topic is kept; GET /topics lists those that are.')
}

function erasedAnswer(erased: number, nothing: string): Response {
  if (erased === 0) throw new HubError('not-found', nothing)
  return new Response(null, { status: 204 })
}
