import { cpus, release, totalmem } from 'node:os'
import type { Effort } from './bench.ts'
import type { Absent, Contender } from './contenders/contender.ts'
import { type Check, type Figure, median, type Row, verdict } from './row.ts'
import { soakSection } from './soak/section.ts'

export interface Results {
  date: string
  /** Load average of the last minute before the run. */
  busy: number
  effort: Effort
  contenders: Contender[]
  absent: Absent[]
  rows: Row[]
  /** Rows that could not be measured, and why. */
  failed: { row: string; reason: string }[]
}

const words = { goal: 'goal met', must: 'must met, goal missed', missed: '**must missed**' } as const

/** `folder`: where they will lie, and what is linked to. */
export function resultsMarkdown(results: Results, folder: string): string {
  const { effort } = results
  return `${[
    '# Benchmark results',
    'Made by `bun run bench`; do not edit. ![Chart of the results](results.svg)',
    effort.quick ? '**A quick run: it shows that everything works. Its numbers are no result.**' : '',
    machine(results),
    '## Verdicts',
    'Medians over the rounds; a ratio is taken within each round, then its median.',
    verdicts(results.rows),
    ...results.failed.map(({ row, reason }) => `Not measured: ${row}: ${reason}`),
    '## Measured',
    ...results.rows.map(section),
    soakSection(folder),
    '## How',
    method(effort),
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`
}

function machine({ date, busy, contenders, absent }: Results): string {
  const [first] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return [
    `- ${date}, ${cpus().length} cores (${first?.model.trim() ?? 'unknown'}), ${memory} GiB, Linux ${release()}, Bun ${Bun.version}`,
    `- Load average before the run: ${busy.toFixed(2)}${busy > 0.5 ? '. **Other work disturbed it.**' : ''}`,
    ...contenders.map(({ name, about }) => `- **${name}**: ${about}`),
    ...absent.map(({ name, absent: reason }) => `- *${name}* skipped: ${reason}`),
  ].join('\n')
}

function verdicts(rows: Row[]): string {
  const lines = rows.flatMap((row) => row.checks.map((check) => verdictLine(row, check)))
  return ['| Row | What | Measured | Must | Goal | Verdict |', '|---|---|---:|---:|---:|---|', ...lines].join('\n')
}

function verdictLine(row: Row, check: Check): string {
  const sign = check.better === 'lower' ? '≤' : '≥'
  const goal = check.goal === undefined ? '' : `${sign} ${amount(check.goal, check.unit)}`
  const cells = [
    row.title,
    check.what,
    amount(check.value, check.unit),
    `${sign} ${amount(check.must, check.unit)}`,
    goal,
  ]
  return `| ${[...cells, words[verdict(check)]].join(' | ')} |`
}

function section(row: Row): string {
  const [reference] = row.figures
  const lines = row.figures.map((figure) => figureLine(row, figure, reference!))
  const table = ['| | median | ÷ the first | rounds |', '|---|---:|---:|---|', ...lines].join('\n')
  return [`### ${row.title} (${row.unit}, ${row.better} is better)`, table, ...row.remarks].join('\n\n')
}

function figureLine(row: Row, figure: Figure, reference: Figure): string {
  const show = (value: number) => grouped(value, row.digits)
  const name = figure.note ? `${figure.name} (${figure.note})` : figure.name
  if (figure.samples.length === 0) return `| ${name} | | | |`
  const ratio = median(figure.samples) / median(reference.samples)
  return `| ${name} | ${show(median(figure.samples))} | ${ratio.toFixed(2)} | ${figure.samples.map(show).join(', ')} |`
}

function amount(value: number, unit: string): string {
  const text = Math.abs(value) >= 1_000 ? grouped(value, 0) : String(Number(value.toFixed(2)))
  return `${text} ${unit}`
}

export function grouped(value: number, digits: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

function method(effort: Effort): string {
  return `- Everything on one machine, over loopback. The load generator is its own process (C, raw sockets) and shares the cores.
- ${effort.rounds} rounds, every contender once a round, the order turned round each time; ${effort.seconds} s of load after ${effort.warmUp} s of warm-up.
- CPU is user and system time of all threads and processes of the server, from \`/proc/<pid>/stat\`; memory is \`VmRSS\`.
- Every event is the same 200-byte JSON object, sent as \`id:\`, \`event: tick\` and \`data:\` lines where the contender can (better-sse adds an id of 36 bytes, Mercure one of 45). Publishers wait for the answer before they send again.
- mcp-sse answers after the event is on disk (fsync); the floor and the peers keep nothing.`
}
