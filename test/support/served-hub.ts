import { Access } from '../../src/auth/access.ts'
import { PublishRate } from '../../src/auth/publish-rate.ts'
import { Refusals } from '../../src/auth/refusals.ts'
import type { AccessSettings } from '../../src/auth/settings.ts'
import type { Clock } from '../../src/core/clock.ts'
import { parseFilter } from '../../src/core/filter.ts'
import type { HubLimits } from '../../src/core/hub.ts'
import { systemClock } from '../../src/daemon/clock.ts'
import { Answers } from '../../src/http/answers.ts'
import { type AppOptions, createApp } from '../../src/http/app.ts'
import type { Catalogue } from '../../src/mcp/catalogue/catalogue.ts'
import { hubCatalogue } from '../../src/mcp/catalogue/hub-catalogue.ts'
import { Mcp } from '../../src/mcp/mcp.ts'
import type { McpLimits } from '../../src/mcp/parts.ts'
import { openSettings } from './access.ts'
import { memoryHub } from './hub.ts'
import { inspect, inspectReport } from './secrets.ts'

export interface ServedHubOptions extends Partial<Omit<AppOptions, 'access'>> {
  limits?: Partial<HubLimits>
  /** Over those of open mode. */
  access?: Partial<AccessSettings>
  /** Instead of what the hub offers to agents. */
  catalogue?: Catalogue
  mcpLimits?: Partial<McpLimits>
  /** Of MCP, and of the hub. */
  clock?: Clock
}

export const testMcpLimits: McpLimits = {
  maxQueueBytes: 64 * 1024,
  maxStallMs: 30_000,
  heartbeatMs: 15_000,
  retryMs: 2000,
  sessions: 4096,
  sessionsPerPrincipal: 256,
  sessionIdleMs: 3_600_000,
}

/** The whole app over a memory log, on a real socket of its own. */
export async function servedHub({
  limits,
  access: settings,
  catalogue: own,
  mcpLimits,
  clock = systemClock,
  ...options
}: ServedHubOptions = {}) {
  const { hub, log, close } = await memoryHub(limits, {}, clock)
  /** What was handed to `report`: failures nobody foresaw. */
  const reports: unknown[] = []
  /** What the operator reads about refused requests. */
  const refused: string[] = []
  const now = options.now ?? (() => Date.now())
  const report = (error: unknown) => {
    inspectReport('a report of the served hub', error)
    reports.push(error)
  }
  const access = new Access({ ...openSettings, ...settings }, { now, report })
  const publishRate = options.publishRate ?? new PublishRate({ perSecond: 1_000_000, now: () => performance.now() })
  const answers = options.answers ?? new Answers(64 * 1024 * 1024)
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
  const mcp = new Mcp({ hub, catalogue, clock, limits: { ...testMcpLimits, ...mcpLimits }, report })
  const app = createApp({
    hub,
    access,
    mcp,
    publishRate,
    answers,
    refusals: new Refusals(
      (line) => {
        inspect('what the served hub says of refusals', line)
        refused.push(line)
      },
      () => performance.now(),
    ),
    heartbeatMs: 15_000,
    now,
    report,
    version,
    ...options,
  })
  app.listen({ port: 0, hostname: '127.0.0.1' })
  const port = app.server!.port!
  const url = `http://127.0.0.1:${port}`
  return {
    hub,
    log,
    app,
    mcp,
    access,
    port,
    url,
    reports,
    refused,
    /** What a reload does. */
    async reload(next: Partial<AccessSettings>) {
      access.replace({ ...openSettings, ...next })
      await hub.reconsider((principal) => access.judge(principal))
      await mcp.reconsider((principal) => access.judge(principal))
    },
    fetch: (path: string, init?: RequestInit) => fetch(url + path, init),
    /** Everything that is stored now, oldest first. */
    stored: async () =>
      (await log.read(log.oldest - 1, parseFilter([], []), { events: 10_000, bytes: Number.MAX_SAFE_INTEGER })).events,
    async close() {
      await mcp.drain()
      await app.stop(true)
      mcp.close()
      await close()
    },
  }
}

export type ServedHub = Awaited<ReturnType<typeof servedHub>>
