import type { CloseReason } from '../../src/core/close-reason.ts'
import { filterOf, parseFilter } from '../../src/core/filter.ts'
import { type Grants, narrowFilter } from '../../src/core/grants.ts'
import type { HubLimits } from '../../src/core/hub.ts'
import { LOCAL, type Principal } from '../../src/core/principal.ts'
import type { Watched } from '../../src/mcp/catalogue/catalogue.ts'
import { Watching } from '../../src/mcp/watching.ts'
import { memoryHub } from './hub.ts'
import { ManualClock } from './manual-clock.ts'

export function eventsOf(pattern: string, grants?: Grants, types: string[] = []): Watched {
  const filter = parseFilter([pattern], types)
  return { kind: 'events', filter: grants ? narrowFilter(filter, grants) : filter }
}

export function topicsOf(pattern = '**', grants?: Grants): Watched {
  const filter = parseFilter([pattern], [])
  return { kind: 'topics', filter: grants ? narrowFilter(filter, grants) : filterOf(filter.patterns, []) }
}

/** Resources watched over a memory hub whose time stands still. */
export async function watchedHub(limits: Partial<HubLimits> = {}) {
  const clock = new ManualClock()
  const { hub, log, close } = await memoryHub(limits, {}, clock)
  const reports: unknown[] = []
  const watching = new Watching({ hub, clock, report: (error) => reports.push(error) })
  return {
    hub,
    log,
    clock,
    watching,
    reports,
    /** A watch, and what it was told. */
    watch(principal: Principal = LOCAL) {
      const told: string[] = []
      const ended: CloseReason[] = []
      const seen = { told, ended, present: true }
      const watch = watching.watch(
        { principal, address: '' },
        {
          updated: (uri) => {
            if (seen.present) told.push(uri)
            return seen.present
          },
          ended: (reason) => ended.push(reason),
        },
      )
      return { watch, seen, told, ended }
    },
    /** In steps of the shared timer, so that everything due in that time has its turn. */
    async pass(ms: number) {
      for (let left = ms; left > 0; left -= 200) {
        clock.pass(Math.min(200, left))
        await clock.yield()
      }
    },
    async close() {
      watching.close()
      await close()
    },
  }
}

export type WatchedHub = Awaited<ReturnType<typeof watchedHub>>
