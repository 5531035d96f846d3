import * as z from 'zod'
import type { PageTokens } from '../../../auth/page-tokens.ts'
import { HubError } from '../../../core/errors.ts'
import type { Hub } from '../../../core/hub.ts'
import type { Principal } from '../../../core/principal.ts'
import type { Tool } from '../catalogue.ts'
import { mayListTopics, readable } from '../readable.ts'
import { type Reading, withRoom } from '../reading.ts'
import { defineTool } from '../tool.ts'

export interface ListTopicsOptions {
  hub: Pick<Hub, 'log'>
  pageTokens: () => PageTokens
  reading: (principal: Principal) => Reading
}

const NAMED = { patterns: '/pattern', types: '/types' }

const input = z.strictObject({
  pattern: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Only topics that match: a topic, or a pattern such as orders/* or orders/**. Default: all you may read.',
    ),
  limit: z.int().min(1).max(100).default(50).describe('At most so many topics.'),
  page: z.string().optional().describe('The next of an earlier answer, to go on where it ended.'),
})

const output = z.strictObject({
  topics: z
    .array(
      z.strictObject({
        topic: z.string().describe('The topic.'),
        events: z.int().min(0).describe('How many of its events are kept.'),
        lastCursor: z.string().describe('Cursor of its newest event.'),
        lastTime: z.string().describe('When the hub received its newest event, RFC 3339.'),
      }),
    )
    .describe('Topics that have events, in order of their names.'),
  next: z
    .string()
    .optional()
    .describe(
      'Pass it as page, with the same pattern, for the topics after these, also when there are none here. Not there: these were the last.',
    ),
})

/** The rules of `GET /topics`. */
export function listTopics({ hub: { log }, pageTokens, reading }: ListTopicsOptions): Tool {
  return defineTool({
    name: 'list_topics',
    title: 'List topics',
    description:
      'Names the topics of the hub that have events and that this credential may read, with how many events each has and when the last one came. ' +
      'Use it to find out what can be read with read_events or followed with wait_for_event. Topic names are chosen by publishers.',
    input,
    output,
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    offered: mayListTopics,
    async run({ pattern, limit, page }, { principal }) {
      const filter = readable({ topics: pattern === undefined ? [] : [pattern] }, principal.grants, NAMED)
      const place = placeOf(page, pageTokens())
      const found = await withRoom(reading, principal, (room) => room.step(0, () => log.topics(filter, place, limit)))
      return {
        structured: {
          topics: found.topics.map(({ topic, events, lastOffset, lastReceived }) => ({
            topic,
            events,
            lastCursor: log.generations.cursor(lastOffset),
            lastTime: new Date(lastReceived).toISOString(),
          })),
          ...(found.next === undefined ? {} : { next: pageTokens().seal(found.next) }),
        },
      }
    },
  })
}

/** @throws HubError `invalid-arguments` */
function placeOf(token: string | undefined, tokens: PageTokens): string | undefined {
  if (!token) return undefined
  const place = tokens.open(token)
  if (place !== undefined) return place
  throw new HubError('invalid-arguments', 'page is the next of an earlier answer; leave it out to begin.', {
    pointer: '/page',
  })
}
