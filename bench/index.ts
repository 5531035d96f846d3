import { loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import type { Bench } from './bench.ts'
import { chart } from './chart.ts'
import { betterSse } from './contenders/better-sse.ts'
import { centrifugo } from './contenders/centrifugo.ts'
import type { Absent, Contender, Found } from './contenders/contender.ts'
import { floor } from './contenders/floor.ts'
import { mcpSse } from './contenders/mcp-sse.ts'
import { mercure } from './contenders/mercure.ts'
import { nchan } from './contenders/nchan.ts'
import { delivers } from './fan-out.ts'
import { compileTools, type Tools } from './load/tools.ts'
import { type Options, parseOptions, usage } from './options.ts'
import { type Results, resultsMarkdown } from './results.ts'
import { median, type Row, verdict } from './row.ts'
import { fanOutBefore } from './rows/before.ts'
import { crash } from './rows/crash.ts'
import { cpuPerDelivery, deliveriesPerSecond } from './rows/deliveries.ts'
import { idleMemory } from './rows/idle-memory.ts'
import { latency } from './rows/latency.ts'
import { liveness } from './rows/liveness.ts'
import { mcpCalls } from './rows/mcp-calls.ts'
import { mcpNotices } from './rows/mcp-notices.ts'
import { observedFanOut } from './rows/observed.ts'
import { ndjsonPublishes, singlePublishes } from './rows/publishing.ts'
import { replay } from './rows/replay.ts'
import { start } from './rows/start.ts'
import { webhooks } from './rows/webhooks.ts'
import { Server } from './server.ts'

const rows: Record<string, (bench: Bench) => Promise<Row[]>> = {
  cpu: cpuPerDelivery,
  deliveries: deliveriesPerSecond,
  latency,
  memory: idleMemory,
  livez: liveness,
  publish: singlePublishes,
  ndjson: ndjsonPublishes,
  replay,
  start,
  crash,
  'mcp-calls': mcpCalls,
  'mcp-notices': mcpNotices,
  webhooks,
  before: fanOutBefore,
  observed: observedFanOut,
}

/** Rows of a comparison that a whole run has no part in. */
const named = ['observed']

const say = (line: string) => console.log(line)

/** Exit code 0: everything was measured and every must is met; 1: not; 64: misuse. */
async function run(options: Options): Promise<number> {
  const busy = loadavg()[0]!
  if (busy > 0.5) say(`Other work is running (load average ${busy.toFixed(1)}): the numbers will say so too.`)
  const tools = compileTools()
  const { contenders, absent } = await muster(tools, !options.effort.quick)
  const ours = absent.find(({ name }) => name === 'mcp-sse')
  if (ours) throw new Error(`There is nothing to measure: ${ours.absent}`)
  const bench: Bench = { effort: options.effort, tools, contenders, before: options.before, say }
  const results: Results = {
    date: new Date().toISOString().slice(0, 10),
    busy,
    effort: options.effort,
    contenders,
    absent,
    rows: [],
    failed: [],
  }
  for (const [name, measure] of Object.entries(rows)) {
    if (options.only.length > 0 ? !options.only.includes(name) : named.includes(name)) continue
    const began = performance.now()
    say(name)
    try {
      const measured = await measure(bench)
      results.rows.push(...measured)
      for (const row of measured) tell(row)
      say(`    (${((performance.now() - began) / 1000).toFixed(0)} s)`)
    } catch (error) {
      results.failed.push({ row: name, reason: (error as Error).message })
      say(`  not measured: ${(error as Error).message}`)
    }
  }
  await Bun.write(options.out, resultsMarkdown(results, dirname(options.out)))
  await Bun.write(join(dirname(options.out), 'results.svg'), chart(results.rows, results.date))
  say(`written: ${options.out}`)
  const missed = results.rows.flatMap((row) => row.checks).filter((check) => verdict(check) === 'missed')
  return missed.length === 0 && results.failed.length === 0 ? 0 : 1
}

/** Starts each contender once and sends it one event; who does not deliver it is left out, with the reason. */
async function muster(tools: Tools, build: boolean): Promise<{ contenders: Contender[]; absent: Absent[] }> {
  const found: Found[] = [
    mcpSse(),
    floor(tools.floor),
    nchan(),
    await betterSse(),
    await mercure(build),
    await centrifugo(build),
  ]
  const contenders: Contender[] = []
  const absent: Absent[] = []
  for (const candidate of found) {
    if ('absent' in candidate) {
      absent.push(candidate)
    } else {
      try {
        const server = await Server.start(candidate)
        await delivers({ tools }, server).finally(() => server.stop())
        contenders.push(candidate)
      } catch (error) {
        absent.push({ name: candidate.name, absent: (error as Error).message })
      }
    }
    const last = absent.at(-1)
    say(last?.name === candidate.name ? `${candidate.name}: skipped, ${last.absent}` : `${candidate.name}: ready`)
  }
  return { contenders, absent }
}

function tell(row: Row): void {
  say(`  ${row.title} (${row.unit})`)
  for (const { name, samples } of row.figures) {
    if (samples.length > 0) say(`    ${name.padEnd(34)} ${median(samples).toFixed(row.digits)}`)
  }
  for (const check of row.checks) {
    say(`    ${verdict(check) === 'missed' ? 'MISSED' : 'ok'}: ${check.what} ${check.value.toFixed(2)} ${check.unit}`)
  }
  for (const remark of row.remarks) say(`    ${remark}`)
}

// An interrupted run ends its servers: `Server` kills its own process when this one exits.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

let options: Options | undefined
try {
  options = parseOptions(process.argv.slice(2), Object.keys(rows), import.meta.dir)
} catch (error) {
  console.error(`${(error as Error).message}\n\n${usage}`)
  process.exitCode = 64
}
if (options) {
  try {
    process.exitCode = await run(options)
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}
