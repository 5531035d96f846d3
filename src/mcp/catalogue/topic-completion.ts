import type { Hub } from '../../core/hub.ts'
import type { Principal } from '../../core/principal.ts'
import { checkTopic } from '../../core/topic.ts'
import { mayListTopics, mayReadTopic, readable } from './readable.ts'
import { type Reading, withRoom } from './reading.ts'

/** What an answer has (server/utilities/completion), and one more, which says that there are more. */
const MOST = 101
/** Each looks through a bounded stretch of the list, which may hold nothing for this reader. */
const MOST_LOOKS = 8

export interface TopicCompletionOptions {
  hub: Pick<Hub, 'log'>
  reading: (principal: Principal) => Reading
}

/**
 * Topics that begin with `prefix`, in byte order. Patterns are not completed; who may not list topics gets none.
 * @throws HubError `overloaded`
 */
export async function completeTopic(
  { hub: { log }, reading }: TopicCompletionOptions,
  prefix: string,
  principal: Principal,
): Promise<string[]> {
  const { grants } = principal
  if (!mayListTopics(grants) || (prefix !== '' && checkTopic(prefix) !== undefined)) return []
  const filter = readable({}, grants)
  const found: string[] = []
  await withRoom(reading, principal, async (room) => {
    if (prefix !== '' && mayReadTopic(grants, prefix)) {
      // The list goes on after a name, so the one that is the prefix itself is asked for by itself.
      const itself = await room.step(0, () => log.topics(readable({ topics: [prefix] }, grants), undefined, 1))
      found.push(...itself.topics.map(({ topic }) => topic))
    }
    let after: string | undefined = prefix === '' ? undefined : prefix
    for (let looks = 0; looks < MOST_LOOKS && found.length < MOST; looks++) {
      const page = await room.step(0, () => log.topics(filter, after, MOST - found.length))
      // In byte order, all that begin with a text come directly after it.
      for (const { topic } of page.topics) if (topic.startsWith(prefix)) found.push(topic)
      after = page.next
      if (after === undefined || !after.startsWith(prefix)) break
    }
  })
  return found
}
