import { parseArgs } from 'node:util'
import type { Effort } from './bench.ts'

export interface Options {
  effort: Effort
  before: string | undefined
  /** Row names; all when empty. */
  only: string[]
  /** Where the results go; the chart and the numbers lie beside them. */
  out: string
}

export const usage = `bun run bench [--quick] [--only ROW,…] [--pairs N] [--before FILE] [--out FILE]

  --quick    one short round of everything, under three minutes; checks the bench, measures little
  --only     these rows: cpu, deliveries, latency, memory, livez, publish, ndjson, replay, start, crash, mcp-calls, mcp-notices, webhooks, before,
             and observed, which only runs when it is named
  --pairs    interleaved rounds (5; 1 with --quick)
  --before   an executable of an earlier commit, for the rows before and observed
  --out      results file (bench/RESULTS.md; bench/out/RESULTS.md with --quick or --only)`

const full: Effort = {
  quick: false,
  rounds: 5,
  seconds: 4,
  warmUp: 1.5,
  readers: 1_000,
  manyReaders: 10_000,
  replayEvents: 500_000,
  starts: 7,
  crashRounds: 100,
}

const quick: Effort = {
  quick: true,
  rounds: 1,
  seconds: 1,
  warmUp: 0.5,
  readers: 1_000,
  manyReaders: 2_000,
  replayEvents: 100_000,
  starts: 3,
  crashRounds: 2,
}

/** @throws TypeError for what it does not know. */
export function parseOptions(argv: string[], rows: readonly string[], folder: string): Options {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      pairs: { type: 'string' },
      before: { type: 'string' },
      out: { type: 'string' },
    },
  })
  const only = values.only.split(',').filter((name) => name !== '')
  const unknown = only.find((name) => !rows.includes(name))
  if (unknown) throw new TypeError(`There is no row "${unknown}"; the rows are ${rows.join(', ')}.`)
  const effort = { ...(values.quick ? quick : full) }
  if (values.pairs !== undefined) {
    if (!/^[1-9]\d?$/.test(values.pairs)) throw new TypeError('--pairs is a number from 1 to 99.')
    effort.rounds = Number(values.pairs)
  }
  // Part of a run must not replace the results of a whole one.
  const partial = values.quick || only.length > 0
  return { effort, before: values.before, only, out: values.out ?? `${folder}/${partial ? 'out/' : ''}RESULTS.md` }
}
