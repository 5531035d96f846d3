import { cpus, release, totalmem } from 'node:os'
import { grouped } from '../results.ts'
import { type Check, verdict } from '../row.ts'
import { RETENTION, SESSION_IDLE_S } from './hub.ts'
import { atMost, FLAT, flatness, none, sameWhenCalm, type Trend, trend, WARM_UP_S, warmUpOf } from './judgement.ts'
import { type LineChart, lineChart } from './line-chart.ts'
import { CHURN_PER_SECOND, SLOW, STEADY } from './load.ts'
import { EVENTS_PER_SECOND } from './publisher.ts'
import type { Life, Sample } from './sample.ts'
import type { SoakResult } from './soak.ts'

const MIB = 2 ** 20
/** SQLite's pages and books beside what is counted, the write-ahead log at its limit. */
const MOST_ON_DISK = (2 * RETENTION.bytes + 64 * MIB) / MIB

const rssMiB = (sample: Sample) => sample.rssKiB / 1024
const onDiskMiB = (sample: Sample) => sample.logFileBytes / MIB
const floorMiB = (sample: Sample) => sample.floorRssKiB / 1024

export function checksOf({ samples, lives, readers, forward, ledger }: SoakResult): Check[] {
  const longest = longestOf(lives)
  const own = samples.filter(({ life }) => life === longest.number)
  const over = (value: (sample: Sample) => number) => trend(own, longest.seconds, value)
  const most = (value: (sample: Sample) => number) => samples.reduce((high, sample) => Math.max(high, value(sample)), 0)
  return [
    none('events that a steady reader missed', readers.missing),
    none('events that a steady reader was given twice', readers.twice),
    none('gaps that a steady reader was told of', readers.gaps),
    none('steady readers that did not have the last event', readers.behind),
    none('forwarded events that never came', forward.missing),
    none('failures that no restart explains', ledger.unexpectedCount),
    flatness('resident memory', over(rssMiB)),
    flatness('files of the log', over(onDiskMiB)),
    flatness(
      'descriptors',
      over((sample) => sample.sockets + sample.files),
    ),
    sameWhenCalm('descriptors that are no sockets', own, (sample) => sample.files),
    sameWhenCalm('sockets', own, (sample) => sample.sockets, 5),
    // Pools of the runtime get a thread when they need one.
    sameWhenCalm('threads', own, (sample) => sample.threads, 4),
    atMost('files of the log, most', most(onDiskMiB), 'MiB', MOST_ON_DISK),
    atMost('queued for readers, most', most(({ queuedBytes }) => queuedBytes) / MIB, 'MiB', SLOW + STEADY),
  ]
}

export function soakMarkdown(result: SoakResult, date: string): string {
  const minutes = result.seconds / 60
  const longest = longestOf(result.lives)
  const [cpu] = cpus()
  return `${[
    '# Soak',
    'Made by `bun run soak`; do not edit. ![Memory, descriptors and files over the run](soak.svg)',
    `- ${date}, ${minutes.toFixed(1)} minutes, ${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Bun ${Bun.version}
- **mcp-sse**: ${result.form}, durability full, retention ${grouped(RETENTION.events, 0)} events and ${RETENTION.bytes / MIB} MiB, which is all there ever is after ${Math.round(RETENTION.events / EVENTS_PER_SECOND)} s
- **floor**: Bun.serve streaming the same events to as many readers, under the same connections; no log, no checks`,
    '## Verdicts',
    `Flat: in the longest life of the process (${(longest.seconds / 60).toFixed(1)} minutes), after a warm-up of ${(warmUpOf(longest.seconds) / 60).toFixed(1)}, the median of the last third is at most ${FLAT} times that of the first.`,
    checkTable(checksOf(result)),
    ...(minutes < 20 ? ['**A short run: it shows that everything works. Its numbers are no result.**'] : []),
    '## Lives of the process',
    `Medians of the first and last third after the warm-up (${WARM_UP_S / 60} minutes, of shorter lives two fifths), and the least-squares slope over the same samples; floor: the bare server, restarted at the same moments.`,
    lifeTable(result),
    '## The longest life',
    longestTable(result, longest),
    '## What was done',
    doneList(result),
    ...failures(result),
    '## How',
    method(),
  ].join('\n\n')}\n`
}

export function soakChart({ samples, lives, seconds }: SoakResult, date: string): string {
  const line = (value: (sample: Sample) => number) => samples.map((sample) => ({ x: sample.at / 60, y: value(sample) }))
  const starts = lives.slice(1).map(({ number }) => samples.find(({ life }) => life === number))
  const chart: LineChart = {
    minutes: seconds / 60,
    marks: starts.flatMap((first) => (first ? [first.at / 60] : [])),
    panels: [
      {
        title: 'Resident memory (MiB)',
        lines: [
          { name: 'floor', kind: 'other', points: line(floorMiB) },
          { name: 'mcp-sse', kind: 'ours', points: line(rssMiB) },
        ],
      },
      {
        title: 'Descriptors',
        lines: [
          { name: 'sockets of the floor', kind: 'other', points: line(({ floorSockets }) => floorSockets) },
          { name: 'mcp-sse', kind: 'ours', points: line(({ sockets, files }) => sockets + files) },
        ],
      },
      {
        title: 'Log (MiB)',
        lines: [
          { name: 'counted by retention', kind: 'other', points: line(({ logBytes }) => logBytes / MIB) },
          { name: 'files', kind: 'ours', points: line(onDiskMiB) },
        ],
      },
    ],
    caption: `bun run soak, ${date}; minutes from left to right, dashed: restarts`,
  }
  return lineChart(chart)
}

function longestOf(lives: readonly Life[]): Life {
  return lives.reduce((longest, life) => (life.seconds > longest.seconds ? life : longest))
}

function checkTable(checks: readonly Check[]): string {
  const lines = checks.map((check) => {
    const met = verdict(check) === 'missed' ? '**missed**' : 'met'
    return `| ${check.what} | ${figure(check.value)} ${check.unit} | ≤ ${figure(check.must)} ${check.unit} | ${met} |`
  })
  return ['| What | Measured | Must | Verdict |', '|---|---:|---:|---|', ...lines].join('\n')
}

function lifeTable({ lives, samples }: SoakResult): string {
  const lines = lives.map((life) => {
    const own = samples.filter((sample) => sample.life === life.number)
    const over = (value: (sample: Sample) => number) => trend(own, life.seconds, value)
    const cells = [
      `${(life.seconds / 60).toFixed(1)} min`,
      life.ended,
      ends(over(rssMiB)),
      ends(over((sample) => sample.pssKiB / 1024)),
      ends(over(floorMiB)),
      ends(over((sample) => sample.sockets + sample.files)),
      ends(over(onDiskMiB)),
    ]
    return `| ${cells.join(' | ')} |`
  })
  const head =
    '| Life | Ended by, in | RSS MiB | PSS MiB | floor RSS MiB | Descriptors | Files of the log MiB |\n|---|---|---:|---:|---:|---:|---:|'
  return [head, ...lines].join('\n')
}

/** `first → last (slope an hour)` */
function ends({ first, last, slope, samples }: Trend): string {
  if (samples < 3) return ''
  return `${figure(first)} → ${figure(last)} (${slope < 0 ? '−' : '+'}${figure(Math.abs(slope))}/h)`
}

function longestTable({ samples }: SoakResult, life: Life): string {
  const own = samples.filter((sample) => sample.life === life.number)
  const [first, last] = [own[0]!, own.at(-1)!]
  const peak = (value: (sample: Sample) => number) => own.reduce((high, sample) => Math.max(high, value(sample)), 0)
  const cpu = ((last.cpuSeconds - first.cpuSeconds) / (last.at - first.at)) * 100
  const lines = [
    ['CPU, of one core', `${cpu.toFixed(0)} %`],
    ['event loop late, 99th percentile', `≤ ${figure(life.lagP99Ms)} ms`],
    ['commit, 99th percentile', `≤ ${figure(life.commitP99Ms)} ms`],
    ['resident memory, most', `${peak(rssMiB).toFixed(0)} MiB`],
    ['connections, most', figure(peak(({ connections }) => connections))],
    ['MCP sessions, most', figure(peak(({ sessions }) => sessions))],
    ['readers catching up, most', figure(peak(({ catchingUp }) => catchingUp))],
    ['deliveries to be tried again, most', figure(peak(({ webhookWaiting }) => webhookWaiting))],
    ['write-ahead log, most', `${(peak(({ walBytes }) => walBytes) / MIB).toFixed(1)} MiB`],
    ['file of the forward, most', `${(peak(({ outletFileBytes }) => outletFileBytes) / MIB).toFixed(1)} MiB`],
    ['removed by retention', `${grouped(life.removedEvents, 0)} events`],
    ['read again for readers', `${grouped(life.replayedEvents, 0)} events`],
    ['streams closed', listed(life.closed)],
    ['attempts of the forward', listed(life.attempts)],
  ]
  return ['| What | |', '|---|---:|', ...lines.map(([what, value]) => `| ${what} | ${value} |`)].join('\n')
}

function doneList({ ledger, readers, forward, backups, lives, seconds }: SoakResult): string {
  const published = ledger.counts.get('events published') ?? 0
  const rest = [...ledger.counts].filter(([name]) => name !== 'events published').sort(([a], [b]) => (a < b ? -1 : 1))
  return [
    `- ${grouped(published, 0)} events published, ${(published / seconds).toFixed(0)} a second with the bursts; the log was filled ${(published / RETENTION.events).toFixed(1)} times`,
    `- ${grouped(readers.events, 0)} events to ${STEADY} steady readers over ${grouped(readers.connections, 0)} connections, each number held against the one before`,
    `- ${grouped(forward.wanted, 0)} events forwarded in ${grouped(forward.posts, 0)} POSTs to a receiver that refused ${grouped(forward.refused, 0)}; ${grouped(forward.again, 0)} came again`,
    `- ready again after a restart in ${lives
      .slice(1)
      .map(({ readyMs }) => readyMs.toFixed(0))
      .join(', ')} ms`,
    `- backups of the running hub: ${backups}`,
    ...rest.map(([name, count]) => `- ${name}: ${grouped(count, 0)}`),
  ].join('\n')
}

function failures({ ledger, said }: SoakResult): string[] {
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [`## ${title}`, lines.map((line) => `- \`${line.replaceAll('`', "'")}\``).join('\n')]
  return [...list('Failures', ledger.unexpected), ...list('What the hub warned of', said)]
}

function method(): string {
  return `- ${EVENTS_PER_SECOND} events a second in 10 groups of 20 topics, each with a number one above the one before and an id; a tenth of them 6 KiB, the others 200 bytes. What is not answered is sent again with the same id.
- ${STEADY} readers stay, one group each, and come back with \`Last-Event-ID\`; streams live for 4 minutes. ${SLOW} read everything, stop reading for 45 s, are cut off and come back.
- ${CHURN_PER_SECOND} connections a second come and go: two fifths with FIN, a third with RST, others half-closed, silent or with half a request; live, replays from the oldest event, NDJSON, tickets, places that are gone, keys that come and go with reloads.
- 2 agents a second: sessions that nobody ends (forgotten after ${SESSION_IDLE_S} s), streams reset, waits, calls, subscriptions. 5 short requests a second: pages of history, topics, connections, tickets. \`/metrics\` every 5 s, SIGHUP every minute with a changed file, a backup every three.
- A forward to a receiver that is down for 5 s of every minute, and slow or failing for 1 in 50.
- SIGTERM at 12, 24 and 48 % of the run, SIGKILL at 36 %: the last life is the longest, and the one that is judged. At its beginning and its end all but the steady readers and the publisher are away: what is counted then has to be the same.
- The load, its checks and the floor share the cores with the hub.`
}

function listed(counts: Record<string, number>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${grouped(count, 0)}`)
    .join(', ')
}

function figure(value: number): string {
  return Math.abs(value) >= 1_000 ? grouped(value, 0) : String(Number(value.toPrecision(3)))
}
