import type { Mcp } from '../../src/mcp/mcp.ts'
import { JSON_WITHIN_MS } from '../../src/mcp/outboxes.ts'
import { servedHub } from '../support/served-hub.ts'
import { fixtureCatalogue } from './fixtures/catalogue.ts'

/**
 * The whole app of the product, in open mode over a memory log, with the suite's fixtures for a catalogue. Writes the URL
 * of its MCP endpoint as one line; at SIGTERM it stops, with exit code 1 and the reasons if something failed that nobody
 * foresaw.
 */

let mcp: Mcp | undefined
const served = await servedHub({
  catalogue: fixtureCatalogue((changed) => mcp?.announce(changed)),
  mcpLimits: { jsonWithinMs: JSON_WITHIN_MS },
})
mcp = served.mcp
await Bun.write(Bun.stdout, `${served.url}/mcp\n`)

const told = Promise.withResolvers<void>()
process.once('SIGTERM', () => told.resolve())
await told.promise
await served.close()
for (const report of served.reports) console.error(report)
process.exit(served.reports.length > 0 ? 1 : 0)
