import type { PageTokens } from '../../auth/page-tokens.ts'
import type { PublishRate } from '../../auth/publish-rate.ts'
import type { Clock } from '../../core/clock.ts'
import type { Hub } from '../../core/hub.ts'
import type { Principal } from '../../core/principal.ts'
import type { Catalogue } from './catalogue.ts'
import { instructions } from './instructions.ts'
import { watchTopic } from './prompts/watch-topic.ts'
import type { Reading } from './reading.ts'
import { eventResource } from './resources/event.ts'
import { topicResource } from './resources/topic.ts'
import { topicsResource } from './resources/topics.ts'
import { hubStatus } from './tools/hub-status.ts'
import { listTopics } from './tools/list-topics.ts'
import { publishEvent } from './tools/publish-event.ts'
import { readEvents } from './tools/read-events.ts'
import { waitForEvent } from './tools/wait-for-event.ts'

export interface HubCatalogueOptions {
  hub: Hub
  clock: Clock
  /** Shared with the publishing routes. */
  rate: Pick<PublishRate, 'require' | 'take'>
  /** Those that count now: a reload may bring others. */
  pageTokens: () => PageTokens
  reading: (principal: Principal) => Reading
  mode: () => 'open' | 'credentials'
  version: string
}

const NAME = 'mcp-sse'

/** What the hub offers to agents (DESIGN 9). */
export function hubCatalogue(options: HubCatalogueOptions): Catalogue {
  const { version } = options
  return {
    name: NAME,
    title: 'mcp-sse event hub',
    version,
    instructions,
    tools: [
      publishEvent(options),
      listTopics(options),
      readEvents(options),
      waitForEvent(options),
      hubStatus({ ...options, name: NAME }),
    ],
    resources: [topicsResource(options), topicResource(options), eventResource(options)],
    prompts: [watchTopic(options)],
  }
}
