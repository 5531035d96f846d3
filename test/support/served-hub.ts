import { Access } from '../../src/auth/access.ts'
import { PublishRate } from '../../src/auth/publish-rate.ts'
import { Refusals } from '../../src/auth/refusals.ts'
import type { AccessSettings } from '../../src/auth/settings.ts'
import { hubMetrics } from '../../src/cli/serve/hub-metrics.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { StoredEvent } from '../../src/core/event.ts'
import type { CheckedEventType } from '../../src/core/event-types.ts'
import { parseFilter } from '../../src/core/filter.ts'
import type { HubLimits, HubOptions } from '../../src/core/hub.ts'
import { systemClock } from '../../src/daemon/clock.ts'
import { Answers } from '../../src/http/answers.ts'
import { type AppOptions, createApp } from '../../src/http/app.ts'
import { type RoomBytes, Rooms } from '../../src/http/rooms.ts'
import type { Catalogue } from '../../src/mcp/catalogue/catalogue.ts'
import { hubCatalogue } from '../../src/mcp/catalogue/hub-catalogue.ts'
import type { EventsProfile } from '../../src/mcp/events/error-numbers.ts'
import { McpEvents } from '../../src/mcp/events/events.ts'
import { OfferedTypes } from '../../src/mcp/events/offered-types.ts'
import type { WebhookOffer } from '../../src/mcp/events/webhook-calls.ts'
import { Mcp } from '../../src/mcp/mcp.ts'
import type { McpLimits } from '../../src/mcp/parts.ts'
import { logFileSizes } from '../../src/storage/open.ts'
import { openSettings } from './access.ts'
import { openedHub, type Retention } from './hub.ts'
import { ScriptedOutlets } from './scripted-outlets.ts'
import { inspect, inspectReport } from './secrets.ts'

export interface ServedHubOptions extends Partial<Omit<AppOptions, 'access' | 'rooms'>> {
  rooms?: RoomBytes
  limits?: Partial<HubLimits>
  /** Over those of open mode. */
  access?: Partial<AccessSettings>
  /** Instead of what the hub offers to agents. */
  catalogue?: Catalogue
  mcpLimits?: Partial<McpLimits>
  eventTypes?: readonly CheckedEventType[]
  eventsProfile?: EventsProfile
  /** Offered by MCP Events. */
  webhookOffer?: WebhookOffer
  /** Of MCP, and of the hub. */
  clock?: Clock
  /** Of what is published. */
  check?: HubOptions['check']
  /** Streams that have ended. */
  closed?: HubOptions['closed']
  retention?: Retention
  /** Where the log is kept, on disk; in memory without one. */
  directory?: string
}

export const testMcpLimits: McpLimits = {
  maxQueueBytes: 64 * 1024,
  maxStallMs: 30_000,
  heartbeatMs: 15_000,
  retryMs: 2000,
  sessions: 4096,
  sessionsPerPrincipal: 256,
  sessionIdleMs: 3_600_000,
  // Longer than any test: what is a document stays one, also where the machine stands still in the middle of it.
  jsonWithinMs: 60_000,
}

/** The whole app over a log of its own, on a real socket of its own. */
export async function servedHub({
  limits,
  access: settings,
  catalogue: own,
  mcpLimits,
  eventTypes = [],
  eventsProfile = 'auto',
  webhookOffer,
  clock = systemClock,
  check,
  closed,
  retention,
  directory,
  rooms: roomBytes,
  ...options
}: ServedHubOptions = {}) {
  const { hub, log, limits: hubLimits, close } = await openedHub({ limits, retention, clock, check, closed, directory })
  /** What was handed to `report`: failures nobody foresaw. */
  const reports: unknown[] = []
  /** What the operator reads about refused requests. */
  const refused: string[] = []
  /** The same as programs read it, and that of all other refused requests. */
  const refusals: Readonly<Record<string, string | number | undefined>>[] = []
  const note = (line: string, fields: (typeof refusals)[number]) => {
    inspect('what the served hub says of refusals', `${line} ${JSON.stringify(fields)}`)
    refusals.push(fields)
  }
  const now = options.now ?? (() => Date.now())
  const report = (error: unknown) => {
    inspectReport('a report of the served hub', error)
    reports.push(error)
  }
  const access = new Access({ ...openSettings, ...settings }, { now, report })
  const publishRate = options.publishRate ?? new PublishRate({ perSecond: 1_000_000, now: () => performance.now() })
  const answers = options.answers ?? new Answers(64 * 1024 * 1024)
  const rooms = new Rooms(roomBytes)
  const version = '0.0.0-test'
  const catalogue =
    own ??
    hubCatalogue({
      hub,
      clock,
      rate: publishRate,
      pageTokens: () => access.pageTokens,
      reading: (principal) => answers.reading(principal),
      mode: () => access.mode,
      version,
    })
  const events = new McpEvents({
    hub,
    clock,
    reading: (principal) => answers.reading(principal),
    types: new OfferedTypes(eventTypes),
    webhooks: webhookOffer,
    errors: { profile: eventsProfile },
    places: hubLimits,
  })
  const allMcpLimits = { ...testMcpLimits, ...mcpLimits }
  const mcp = new Mcp({ hub, catalogue, events, clock, limits: allMcpLimits, report })
  const noOutlets = new ScriptedOutlets()
  const newApp = ({ tls = false, ...own }: Partial<AppOptions> = {}) =>
    createApp({
      tls,
      hub,
      access,
      mcp: () => mcp,
      webhooks: () => noOutlets,
      metrics: hubMetrics({
        version,
        hub,
        mcp: () => mcp,
        webhooks: async () => undefined,
        limits: () => ({
          ...hubLimits,
          retention: { maxAgeMs: 86_400_000, maxEvents: 1_000_000, maxBytes: 1 << 30, ...retention },
        }),
        files: () => logFileSizes(directory === undefined ? 'memory' : 'full', directory ?? ''),
      }),
      publishRate,
      answers,
      rooms,
      refusals: new Refusals(
        {
          notable: (line, fields) => {
            note(line, fields)
            refused.push(line)
          },
          each: note,
          wantsEach: () => true,
        },
        () => performance.now(),
      ),
      heartbeats: hubLimits,
      now,
      report,
      version,
      ...options,
      ...own,
    })
  const app = newApp()
  app.listen({ port: 0, hostname: '127.0.0.1' })
  const port = app.server!.port!
  const url = `http://127.0.0.1:${port}`
  return {
    hub,
    log,
    limits: hubLimits,
    /** What MCP goes by, read whenever it counts. */
    mcpLimits: allMcpLimits,
    app,
    /** Another one over the same hub, for another address, and with other options if it says so. */
    newApp,
    mcp,
    access,
    port,
    url,
    reports,
    refused,
    refusals,
    /** What a reload does. */
    async reload(next: Partial<AccessSettings>) {
      access.replace({ ...openSettings, ...next })
      await hub.reconsider((principal) => access.judge(principal))
      await mcp.reconsider((principal) => access.judge(principal))
    },
    fetch: (path: string, init?: RequestInit) => fetch(url + path, init),
    /** Everything that is stored now, oldest first. */
    async stored() {
      const events: StoredEvent[] = []
      // One read is as much as its time allows.
      for (let position = log.oldest - 1; position < log.head; ) {
        const page = await log.read(position, parseFilter([], []), { events: 10_000, bytes: Number.MAX_SAFE_INTEGER })
        events.push(...page.events)
        position = page.position
      }
      return events
    },
    async close() {
      await mcp.drain()
      await app.stop(true)
      mcp.close()
      await close()
    },
  }
}

export type ServedHub = Awaited<ReturnType<typeof servedHub>>
