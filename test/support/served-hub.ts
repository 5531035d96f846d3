import { Access } from '../../src/auth/access.ts'
import { PublishRate } from '../../src/auth/publish-rate.ts'
import { Refusals } from '../../src/auth/refusals.ts'
import type { AccessSettings } from '../../src/auth/settings.ts'
import { parseFilter } from '../../src/core/filter.ts'
import type { HubLimits } from '../../src/core/hub.ts'
import { type AppOptions, createApp } from '../../src/http/app.ts'
import { openSettings } from './access.ts'
import { memoryHub } from './hub.ts'
import { inspect, inspectReport } from './secrets.ts'

export interface ServedHubOptions extends Partial<Omit<AppOptions, 'access'>> {
  limits?: Partial<HubLimits>
  /** Over those of open mode. */
  access?: Partial<AccessSettings>
}

/** The whole app over a memory log, on a real socket of its own. */
export async function servedHub({ limits, access: settings, ...options }: ServedHubOptions = {}) {
  const { hub, log, close } = await memoryHub(limits)
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
  const app = createApp({
    hub,
    access,
    publishRate: new PublishRate({ perSecond: 1_000_000, now: () => performance.now() }),
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
    version: '0.0.0-test',
    ...options,
  })
  app.listen({ port: 0, hostname: '127.0.0.1' })
  const port = app.server!.port!
  const url = `http://127.0.0.1:${port}`
  return {
    hub,
    log,
    app,
    access,
    port,
    url,
    reports,
    refused,
    /** What a reload does. */
    async reload(next: Partial<AccessSettings>) {
      access.replace({ ...openSettings, ...next })
      await hub.reconsider((principal) => access.judge(principal))
    },
    fetch: (path: string, init?: RequestInit) => fetch(url + path, init),
    /** Everything that is stored now, oldest first. */
    stored: async () =>
      (await log.read(log.oldest - 1, parseFilter([], []), { events: 10_000, bytes: Number.MAX_SAFE_INTEGER })).events,
    async close() {
      await app.stop(true)
      await close()
    },
  }
}

export type ServedHub = Awaited<ReturnType<typeof servedHub>>
