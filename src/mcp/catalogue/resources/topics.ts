import { HubError } from '../../../core/errors.ts'
import type { ResourceKind } from '../catalogue.ts'
import { mayListTopics, mayReadSomething, readable } from '../readable.ts'
import { MOST_TOPICS, type RecentTopicsOptions, recentTopics } from '../recent-topics.ts'
import { TOPICS_URI, topicUri } from '../resource-uri.ts'

const about = `Topics you may read, the most recently active first, at most ${MOST_TOPICS}, with the cursor and time of their newest event that you may read.`

/** `events://topics`: `{topics: [{topic, lastCursor, lastTime, uri}], complete}`. */
export function topicsResource(options: RecentTopicsOptions): ResourceKind {
  return {
    matches: (uri) => uri === TOPICS_URI,
    async list({ principal: { grants } }) {
      if (!mayReadSomething(grants)) return []
      return [
        {
          uri: TOPICS_URI,
          name: 'topics',
          title: 'Recently active topics',
          description: about,
          mimeType: 'application/json',
        },
      ]
    },
    async read(uri, { principal }) {
      const { topics, complete } = await recentTopics(options, principal)
      const document = {
        about,
        topics: topics.map((topic) => ({ ...topic, uri: topicUri(topic.topic) })),
        complete,
        ...(complete ? {} : { note: 'There may be topics that were active earlier; the tool list_topics names all.' }),
      }
      return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify(document) }] }
    },
    watched(_uri, grants) {
      if (!mayListTopics(grants)) {
        throw new HubError(
          'forbidden',
          'This credential may read some types only, and new topics show events of all; subscribe to a topic instead.',
        )
      }
      return { kind: 'topics', filter: readable({}, grants) }
    },
  }
}
