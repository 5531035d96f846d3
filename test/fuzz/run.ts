import { join } from 'node:path'
import { authParsers } from './auth-parsers.ts'
import { configParsers } from './config-parsers.ts'
import { closedTarget, fuzzHttp, openTarget } from './http.ts'
import { mcpExchangeParsers } from './mcp-exchanges.ts'
import { mcpParsers } from './mcp-parsers.ts'
import { type FuzzReport, fuzz, runsOf } from './parser.ts'
import { parsers } from './parsers.ts'
import { stdioParsers } from './stdio-parsers.ts'
import { webhookParsers } from './webhook-parsers.ts'

/**
 * `bun run fuzz`: FUZZ_RUNS hostile inputs (default a million) for every parser that faces the network, a tenth of them for
 * those of the configuration, a fifth for those that take many steps, and FUZZ_HTTP_RUNS (default a tenth) over real HTTP. One line each; all of them in test/fuzz/RESULTS.md. FUZZ_ONLY names parsers.
 */

const runs = Number(process.env.FUZZ_RUNS ?? 1_000_000)
const httpRuns = Number(process.env.FUZZ_HTTP_RUNS ?? Math.ceil(runs / 10))
const only = process.env.FUZZ_ONLY
const rows: string[] = []
let failed = 0

async function run(name: string, work: () => Promise<FuzzReport>): Promise<void> {
  if (only && !name.includes(only)) return
  try {
    const { runs: done, seconds, seed } = await work()
    console.log(`${name}: ${done} runs in ${seconds.toFixed(1)} s, seed ${seed}: nothing found`)
    rows.push(`| ${name} | ${done.toLocaleString('en')} | ${seconds.toFixed(1)} | ${seed} |`)
  } catch (error) {
    failed++
    console.log(`${name}: FAILED\n${error instanceof Error ? error.message : error}`)
  }
}

for (const parser of [...parsers, ...authParsers(), ...configParsers(), ...stdioParsers, ...webhookParsers])
  await run(parser.name, () => fuzz(parser, runsOf(parser, runs)))
for (const open of [mcpParsers, mcpExchangeParsers]) {
  const { parsers, close } = await open()
  for (const parser of parsers) await run(parser.name, () => fuzz(parser, runsOf(parser, runs)))
  await close()
}
for (const open of [openTarget, closedTarget]) {
  const target = await open()
  await run(target.name, async () => {
    const report = await fuzzHttp(target, httpRuns)
    await target.sessions.end()
    return report
  })
  await target.served.close()
}

if (only) console.log(rows.join('\n'))
if (failed === 0 && !only) {
  await Bun.write(
    join(import.meta.dir, 'RESULTS.md'),
    `# What up to ${runs.toLocaleString('en')} hostile inputs for each parser found: nothing

Made by \`bun run fuzz\` with Bun ${Bun.version}. A parser fails when it throws anything but a coded refusal, answers with a
500, quotes more than a sentence of what was sent (the SDK's own refusals: more than all of it), returns what cannot be, or takes more than half a second of the processor; over HTTP also
when a connection gets neither an answer nor an end, and over MCP when a session, a stream, a place among the connections or
memory is left behind. \`bun test test/fuzz\` does the same with 10,000 inputs each (2,000 where one takes many steps), and checks
with inputs that grow to 64 KiB that no parser is worse than linear.

| Parser | Inputs | Seconds | Seed |
|---|---|---|---|
${rows.join('\n')}
`,
  )
}
process.exit(failed === 0 ? 0 : 1)
