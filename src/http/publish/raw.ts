import { HubError } from '../../core/errors.ts'
import { requireId } from '../../core/event-id.ts'
import { DEFAULT_TYPE, requireType } from '../../core/event-type.ts'
import { requireTopic } from '../../core/topic.ts'
import { parametersOf, pathTail, single } from '../parameters.ts'

/** Where webhook senders say what happened, in the order they are asked. */
const TYPE_HEADERS = ['x-github-event', 'x-gitlab-event', 'x-event-key'] as const

/** What path, query and headers say about a body that is the data. */
export interface RawAddress {
  topic: string
  type: string
  id: string | null
}

/** Everything that can be refused before the body is read. @throws HubError `invalid-topic`, `invalid-type`, `invalid-id`, `invalid-query` */
export function rawAddress(request: Request): RawAddress {
  // The gate looks at the key.
  const parameters = parametersOf(request, ['type', 'id', 'key'])
  const topic = requireTopic(pathTail(request, '/events/', 'invalid-topic'))
  const type = requireType(single(parameters, 'type') ?? headerType(request) ?? DEFAULT_TYPE)
  const id = idOf(request, single(parameters, 'id') ?? null)
  return { topic, type, id: id === null ? null : requireId(id) }
}

/** `Idempotency-Key` stands for the id of a single event. @throws HubError `invalid-id` when both differ */
export function idOf(request: Request, id: string | null): string | null {
  const key = request.headers.get('idempotency-key')
  if (key === null || key === id) return id
  if (id === null) return key
  throw new HubError('invalid-id', 'The Idempotency-Key differs from the id of the event; send one of them.', {
    pointer: '/id',
  })
}

/** GitLab writes `Merge Request Hook`: its spaces become `_`, since a type has none. */
function headerType(request: Request): string | undefined {
  for (const name of TYPE_HEADERS) {
    const value = request.headers.get(name)?.trim()
    if (value) return value.replaceAll(/\s+/g, '_')
  }
  return undefined
}
