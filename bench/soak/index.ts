import { existsSync } from 'node:fs'
import { loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { verdict } from '../row.ts'
import { checksOf, soakChart, soakMarkdown } from './report.ts'
import { soakSection, withSoak } from './section.ts'
import { Soak } from './soak.ts'

const usage = `bun run soak [--minutes N] [--out FILE]

  --minutes  how long (25); from 20 on it is a result, and bench/RESULTS.md is given its verdicts
  --out      results file (bench/soak/RESULTS.md; bench/out/soak/RESULTS.md below 20 minutes)`

const LEAST = 20
const BENCH = join(import.meta.dir, '..')
const say = (line: string) => console.log(line)

/** Exit code 0: everything held; 1: not; 64: misuse. */
async function run(minutes: number, out: string): Promise<number> {
  const date = new Date().toISOString().slice(0, 10)
  if (loadavg()[0]! > 0.5) say(`Other work is running (load average ${loadavg()[0]!.toFixed(1)}).`)
  say(`${minutes} minutes`)
  const result = await new Soak(minutes * 60, say).run()
  await Bun.write(out, soakMarkdown(result, date))
  await Bun.write(join(dirname(out), 'soak.svg'), soakChart(result, date))
  const samples = join(BENCH, 'out/soak/samples.ndjson')
  await Bun.write(samples, result.samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''))
  const checks = checksOf(result)
  for (const check of checks) {
    say(
      `${verdict(check) === 'missed' ? 'MISSED' : 'ok'}: ${check.what} ${Number(check.value.toFixed(3))} ${check.unit}`,
    )
  }
  for (const failure of result.ledger.unexpected) say(`  ${failure}`)
  const results = join(BENCH, 'RESULTS.md')
  if (minutes >= LEAST && out === join(BENCH, 'soak/RESULTS.md') && existsSync(results)) {
    await Bun.write(results, withSoak(await Bun.file(results).text(), soakSection(BENCH)))
  }
  say(`written: ${out}, ${samples}`)
  return checks.some((check) => verdict(check) === 'missed') ? 1 : 0
}

// An interrupted run ends its servers: `KeptProcess` kills its own when this one exits.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

try {
  const options = { minutes: { type: 'string', default: '25' }, out: { type: 'string' } } as const
  const { values } = parseArgs({ args: process.argv.slice(2), options })
  const minutes = Number(values.minutes)
  if (!(minutes >= 3 && minutes <= 24 * 60)) throw new TypeError('--minutes is a number from 3 to 1440.')
  const folder = minutes >= LEAST ? 'soak' : 'out/soak'
  process.exitCode = await run(minutes, values.out ?? join(BENCH, folder, 'RESULTS.md'))
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n\n${usage}` : error)
  process.exitCode = error instanceof TypeError ? 64 : 1
}
// Keep-alive connections of the publisher would hold the process.
process.exit()
