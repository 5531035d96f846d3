import { parseFilter } from '../../src/core/filter.ts'
import type { HubLimits } from '../../src/core/hub.ts'
import { type AppOptions, createApp } from '../../src/http/app.ts'
import { memoryHub } from './hub.ts'

export interface ServedHubOptions extends Partial<AppOptions> {
  limits?: Partial<HubLimits>
}

/** The whole app over a memory log, on a real socket of its own. */
export async function servedHub({ limits, ...options }: ServedHubOptions = {}) {
  const { hub, log, close } = await memoryHub(limits)
  /** What was handed to `report`: failures nobody foresaw. */
  const reports: unknown[] = []
  const app = createApp({
    hub,
    origins: [],
    heartbeatMs: 15_000,
    now: () => Date.now(),
    report: (error) => reports.push(error),
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
    port,
    url,
    reports,
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
