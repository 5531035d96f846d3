import { Mcp } from '../../src/mcp/mcp.ts'
import { testMcpLimits } from '../support/served-hub.ts'
import { until } from '../support/until.ts'
import { hastyClock, hubOfStrangers } from './mcp-parsers.ts'
import { takenPlaces } from './places.ts'

/** Within the time that one exchange has, see parser.ts. */
const GIVEN_BACK_MS = 20_000

export type ServedCatalogue = Awaited<ReturnType<typeof servedCatalogue>>

/** One for each parser: what is left behind is then of that one. */
export async function servedCatalogue() {
  const { hub, catalogue, answers, close } = await hubOfStrangers()
  const reports: unknown[] = []
  // A second by the hasty clock.
  const limits = { ...testMcpLimits, maxQueueBytes: 1024 * 1024, jsonWithinMs: 10_000_000 }
  const mcp = new Mcp({ hub, catalogue, clock: hastyClock, limits, report: (error) => void reports.push(error) })
  return {
    mcp,
    /** @throws Error after a failure nobody foresaw */
    requireForeseen() {
      const [report] = reports.splice(0)
      if (report !== undefined) throw new Error(`A failure nobody foresaw: ${Bun.inspect(report).slice(0, 2000)}`)
    },
    /** @throws Error for sessions, streams, places among the connections, memory */
    async requireNothingLeft() {
      let open = 0
      await until(
        'everything is given back',
        async () => {
          open = 0
          await mcp.reconsider(() => void open++)
          return open === 0 && takenPlaces(hub) === 0 && answers.held === 0 && mcp.sessions.size === 0
        },
        GIVEN_BACK_MS,
      ).catch((error) => {
        const counts = `${open} sessions and streams, ${takenPlaces(hub)} places, ${answers.held} bytes`
        throw new Error(`${counts} are left behind.`, { cause: error })
      })
    },
    async close() {
      await mcp.drain()
      mcp.close()
      await close()
    },
  }
}
