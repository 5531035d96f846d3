import { Elysia } from 'elysia'
import { HubError } from '../core/errors.ts'
import type { EventLog } from '../core/event-log.ts'
import { parseFilter } from '../core/filter.ts'
import { checkTopic } from '../core/topic.ts'
import { jsonAnswer } from './json-answer.ts'
import { count, parametersOf, single } from './parameters.ts'

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

/** `GET /topics`: the topics that have events, in byte order, a page at a time. */
export function topics(log: EventLog): Elysia {
  const app = new Elysia({ name: 'http/topics' })
  app.get('/topics', ({ request }) => listTopics(log, request))
  return app
}

async function listTopics(log: EventLog, request: Request): Promise<Response> {
  const parameters = parametersOf(request, ['pattern', 'limit', 'page'])
  const patterns = parameters.getAll('pattern').filter((pattern) => pattern !== '')
  const limit = count(parameters, 'limit', TOPICS_LIMIT, MAX_TOPICS_LIMIT)
  const page = await log.topics(
    parseFilter(patterns, [], { patterns: '/pattern', types: '/type' }),
    topicOf(single(parameters, 'page')),
    limit,
  )
  const listed: TopicDocument[] = page.topics.map(({ topic, events, lastOffset, lastReceived }) => ({
    topic,
    events,
    lastCursor: log.generations.cursor(lastOffset),
    lastTime: new Date(lastReceived).toISOString(),
  }))
  const next = page.next === undefined ? {} : { next: pageToken(page.next) }
  return jsonAnswer(JSON.stringify({ topics: listed, ...next }))
}

/** Opaque, so that what it stands for may change: today the topic to go on after. */
function pageToken(topic: string): string {
  return Buffer.from(topic).toString('base64url')
}

/** @throws HubError `invalid-query` */
function topicOf(token: string | undefined): string | undefined {
  if (token === undefined) return undefined
  const topic = Buffer.from(token, 'base64url').toString()
  if (pageToken(topic) === token && checkTopic(topic) === undefined) return topic
  throw new HubError('invalid-query', 'page is the "next" of an earlier answer; leave it out to begin.', {
    pointer: '/page',
  })
}
