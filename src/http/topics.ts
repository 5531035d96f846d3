import type { Access } from '../auth/access.ts'
import { HubError } from '../core/errors.ts'
import type { EventLog } from '../core/event-log.ts'
import { parseFilter } from '../core/filter.ts'
import { type Grants, narrowFilter } from '../core/grants.ts'
import type { Answers, Asking } from './answers.ts'
import { placeOf } from './page-place.ts'
import { count, parametersOf, single } from './parameters.ts'
import { visited } from './visitor.ts'

export const TOPICS_LIMIT = 100
export const MAX_TOPICS_LIMIT = 1000

export interface TopicDocument {
  topic: string
  /** How many are kept. */
  events: number
  lastCursor: string
  /** When the hub received the last event, RFC 3339. */
  lastTime: string
}

export interface TopicsOptions {
  log: EventLog
  access: Pick<Access, 'pageTokens'>
  answers: Answers
}

/** `GET /topics`: the topics that have events and may be read, in byte order, a page at a time. */
export function topics(options: TopicsOptions) {
  return visited('http/topics').get('/topics', ({ request, set, visitor: { principal } }) =>
    listTopics(options, { request, set, principal }),
  )
}

async function listTopics({ log, access, answers }: TopicsOptions, asking: Asking): Promise<Response> {
  const { grants } = asking.principal
  const parameters = parametersOf(asking.request, ['pattern', 'limit', 'page'])
  const patterns = parameters.getAll('pattern').filter((pattern) => pattern !== '')
  const limit = count(parameters, 'limit', TOPICS_LIMIT, MAX_TOPICS_LIMIT)
  requireEveryType(grants)
  const named = { patterns: '/pattern', types: '/type' }
  const filter = narrowFilter(parseFilter(patterns, [], named), grants, named)
  const place = placeOf(single(parameters, 'page'), access)
  return answers.answer(asking, async (room) => {
    const page = await room.step(0, () => log.topics(filter, place, limit))
    const listed: TopicDocument[] = page.topics.map(({ topic, events, lastOffset, lastReceived }) => ({
      topic,
      events,
      lastCursor: log.generations.cursor(lastOffset),
      lastTime: new Date(lastReceived).toISOString(),
    }))
    const next = page.next === undefined ? {} : { next: access.pageTokens.seal(page.next) }
    return JSON.stringify({ topics: listed, ...next })
  })
}

/** The list counts events of every type and says when the last one came. @throws HubError `forbidden` */
function requireEveryType({ types }: Grants): void {
  if (types.length === 0) return
  throw new HubError(
    'forbidden',
    'This credential may read some types only, and the list of topics counts all; ask with one that may read every type.',
  )
}
