import { version } from '../../../package.json'
import type { Access } from '../../auth/access.ts'
import type { PublishRate } from '../../auth/publish-rate.ts'
import type { Hub } from '../../core/hub.ts'
import { systemClock } from '../../daemon/clock.ts'
import type { Answers } from '../../http/answers.ts'
import { hubCatalogue } from '../../mcp/catalogue/hub-catalogue.ts'
import { McpEvents } from '../../mcp/events/events.ts'
import type { OfferedTypes } from '../../mcp/events/offered-types.ts'
import { Mcp } from '../../mcp/mcp.ts'
import type { WebhooksOnDemand } from '../../webhooks/on-demand.ts'
import type { LiveSettings } from './live-settings.ts'

export interface HubMcpOptions {
  hub: Hub
  access: Access
  live: LiveSettings
  types: OfferedTypes
  webhooks: WebhooksOnDemand
  publishRate: PublishRate
  answers: Answers
  report: (error: unknown) => void
}

/** All of MCP over one hub. Importing this loads the SDK: see `McpOnDemand`. */
export function hubMcp(options: HubMcpOptions): Mcp {
  const { hub, access, live, types, webhooks, publishRate, answers, report } = options
  const reading = answers.reading.bind(answers)
  const catalogue = hubCatalogue({
    hub,
    clock: systemClock,
    rate: publishRate,
    pageTokens: () => access.pageTokens,
    reading,
    mode: () => access.mode,
    version,
  })
  const events = new McpEvents({
    hub,
    clock: systemClock,
    reading,
    types,
    webhooks: { desk: () => webhooks.get(), lasting: (principal) => access.isLasting(principal) },
    errors: live.mcpErrors,
    places: live.hub,
  })
  return new Mcp({
    hub,
    catalogue,
    events,
    clock: systemClock,
    limits: live.mcp,
    report,
  })
}
