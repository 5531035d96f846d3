import { join } from 'node:path'
import { keysVariable } from '../../test/support/configured-key.ts'
import { until } from '../../test/support/until.ts'
import { type Delays, delaysOf, HEALTHY, publishLoad, WebhookCrowd } from '../../test/support/webhook-crowd.ts'
import { adminKey, WebhookCaller } from '../../test/support/webhook-executable.ts'
import { webhookSecretText } from '../../test/support/webhook-hub.ts'
import type { Bench } from '../bench.ts'
import type { Contender } from '../contenders/contender.ts'
import { mcpSse } from '../contenders/mcp-sse.ts'
import { type Check, pairwise, type Row } from '../row.ts'
import { Server } from '../server.ts'

const EVENTS = 10_000
const PER_SECOND = 150
/** Of the floor: the places of seven receivers, as the hub has them. */
const AT_ONCE = 12 * HEALTHY
const MANY = 10_000
const FEW = 10
/** Of the comparison of many with few subscriptions, each a tenth of a second. */
const PAIRS = 15

interface Load {
  perSecond: number
  cpuMicros: number
  delays: Delays
  beforeKiB: number
  afterKiB: number
}

/**
 * 100 webhook subscriptions at ten receivers of a process of their own: one is down, one takes two seconds for an answer,
 * one answers 500 half the time. Each event matches ten of them, one at each receiver.
 */
export async function webhooks(bench: Bench): Promise<Row[]> {
  const ours = mcpSse('full')
  if ('absent' in ours) return []
  const count = bench.effort.quick ? EVENTS / 10 : EVENTS
  const rounds = Math.min(bench.effort.rounds, 3)
  const flatOut: Load[] = []
  const floor: Omit<Load, 'delays' | 'beforeKiB' | 'afterKiB'>[] = []
  for (let round = 0; round < rounds; round++) {
    const measures = [
      async () => void flatOut.push(await load(ours, count, undefined)),
      async () => void floor.push(await bare(count * HEALTHY)),
    ]
    for (const measure of round % 2 === 0 ? measures : measures.reverse()) await measure()
  }
  const steady = await load(ours, count, PER_SECOND)
  const steadyFloor = await bare((count / 5) * HEALTHY, PER_SECOND)
  const { few, many } = await oneOfMany(bench)
  const about = `${count} events to 100 webhooks at 10 receivers, one down, one slow, one failing half the time`
  return [
    row(
      'webhook-deliveries',
      `Signed deliveries a second, ${about}, flat out`,
      '/s',
      0,
      'higher',
      {
        'mcp-sse': flatOut.map(({ perSecond }) => perSecond),
        'a bare loop of fetch': floor.map(({ perSecond }) => perSecond),
      },
      [],
      'Every attempt counts, until the seven healthy receivers had every event; ours are durable before, and recorded after. The receivers and the publisher share the cores with both.',
    ),
    row(
      'webhook-cpu',
      'CPU per signed delivery, flat out',
      'µs',
      1,
      'lower',
      {
        'mcp-sse': flatOut.map(({ cpuMicros }) => cpuMicros),
        'a bare loop of fetch': floor.map(({ cpuMicros }) => cpuMicros),
        [`mcp-sse, ${PER_SECOND} events/s`]: [steady.cpuMicros],
        [`a bare loop of fetch, ${PER_SECOND} events/s`]: [steadyFloor.cpuMicros],
      },
      [],
      'All threads of the hub, with what the publishing of one event to ten webhooks costs. At a low rate every POST wakes threads that a backlog keeps awake, also without a hub.',
    ),
    row(
      'webhook-delay',
      `Publish answered to received, 99th percentile of healthy receivers, ${PER_SECOND} events/s`,
      'ms',
      1,
      'lower',
      {
        'mcp-sse': [steady.delays.p99],
        'mcp-sse, median': [steady.delays.p50],
        'mcp-sse, flat out': flatOut.map(({ delays }) => delays.p99),
      },
      [
        {
          what: 'p99, with a dead, a slow and a failing receiver beside',
          value: steady.delays.p99,
          unit: 'ms',
          better: 'lower',
          must: 1000,
        },
      ],
      'Every healthy receiver got every event, none twice. Flat out: until the backlog was gone.',
    ),
    row(
      'webhook-memory',
      `Resident memory, 100 webhooks, ${about}`,
      'MiB',
      0,
      'lower',
      {
        before: flatOut.map(({ beforeKiB }) => beforeKiB / 1024),
        'after, flat out': flatOut.map(({ afterKiB }) => afterKiB / 1024),
        [`after, ${PER_SECOND} events/s`]: [steady.afterKiB / 1024],
      },
      [],
      'After: when the healthy ones had all, with what waits for the others.',
    ),
    row(
      'webhook-matching',
      `A publish that one webhook wants, of ${FEW} and of ${MANY}`,
      'µs',
      1,
      'lower',
      {
        [`of ${FEW}`]: few,
        [`of ${MANY}`]: many,
      },
      [
        {
          what: `${MANY} ÷ ${FEW}`,
          value: pairwise(many, few, (a, b) => a / b),
          unit: '×',
          better: 'lower',
          must: 1.2,
        },
      ],
      'CPU from the publish to the settled delivery, in memory, nothing sent.',
    ),
  ]
}

function row(
  id: string,
  title: string,
  unit: string,
  digits: number,
  better: Row['better'],
  figures: Record<string, number[]>,
  checks: Check[],
  remark: string,
): Row {
  const all = Object.entries(figures).map(([name, samples]) => ({ name, samples }))
  return { id, title, unit, digits, better, figures: all, checks, remarks: [remark] }
}

async function load(ours: Contender, count: number, perSecond: number | undefined): Promise<Load> {
  const key = adminKey()
  const keyed: Contender = {
    ...ours,
    launch: async (place) => {
      const { command, environment } = await ours.launch(place)
      const more = {
        MCP_SSE_AUTH_KEYS: keysVariable(key),
        MCP_SSE_WEBHOOKS_ALLOW_LOOPBACK: 'true',
        MCP_SSE_LIMITS_PUBLISH_RATE: '100000',
      }
      return { command, environment: { ...environment, ...more } }
    },
  }
  const server = await Server.start(keyed)
  const crowd = await WebhookCrowd.open()
  try {
    const caller = new WebhookCaller({ url: `http://127.0.0.1:${server.port}` }, key.text)
    await crowd.subscribe(caller, webhookSecretText())
    const beforeKiB = server.residentKiB()
    const cpu = server.cpuSeconds()
    const begun = performance.now()
    const answered = await publishLoad(caller, { from: 0, count, ...(perSecond ? { perSecond } : {}) })
    await until(
      'every healthy receiver to have every event',
      async () => (await crowd.counts()).taken.slice(0, HEALTHY).every((taken) => taken === count),
      300_000,
    )
    const seconds = (performance.now() - begun) / 1000
    const cpuSeconds = server.cpuSeconds() - cpu
    const { attempts } = await crowd.counts()
    const posts = attempts.reduce((sum, each) => sum + each, 0)
    const report = await crowd.report()
    const again = report.again.flat().length
    if (again > 0) throw new Error(`${again} events that were taken came again.`)
    const delays = delaysOf(report, answered)
    const cpuMicros = (cpuSeconds * 1e6) / posts
    return { perSecond: posts / seconds, cpuMicros, delays, beforeKiB, afterKiB: server.residentKiB() }
  } finally {
    await crowd.stop()
    await server.stop()
  }
}

/** The same POSTs to the healthy receivers, by a program that does nothing else. */
async function bare(posts: number, perSecond = 0): Promise<{ perSecond: number; cpuMicros: number }> {
  const crowd = await WebhookCrowd.open()
  try {
    const urls = crowd.ports.slice(0, HEALTHY).map((port) => `http://127.0.0.1:${port}/topic`)
    const script = join(import.meta.dir, '../load/webhook-posts.ts')
    const command = [process.execPath, 'run', script, String(posts), String(AT_ONCE), urls.join(','), String(perSecond)]
    const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
    const said = JSON.parse(await new Response(child.stdout).text())
    if (said.failures > 0) throw new Error(`${said.failures} of ${posts} POSTs of the floor failed.`)
    return { perSecond: posts / said.seconds, cpuMicros: (said.cpuSeconds * 1e6) / posts }
  } finally {
    await crowd.stop()
  }
}

/** Both at the same time, in turns. */
async function oneOfMany({ effort }: Bench): Promise<{ few: number[]; many: number[] }> {
  const processes = [FEW, MANY].map((count) => {
    const script = join(import.meta.dir, '../load/one-of-many.ts')
    return Bun.spawn([process.execPath, 'run', script, String(count)], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
    })
  })
  try {
    const turns = await Promise.all(
      processes.map(async (child) => {
        const lines = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
        const line = async (): Promise<string> => String((await lines.next()).value).trim()
        if ((await line()) !== 'ready') throw new Error('The webhooks of the comparison were not made.')
        return async (): Promise<number> => {
          child.stdin.write('\n')
          child.stdin.flush()
          return Number(await line())
        }
      }),
    )
    const samples: [number[], number[]] = [[], []]
    const pairs = effort.quick ? 5 : PAIRS
    // The first ones compile.
    for (let pair = -3; pair < pairs; pair++) {
      for (const index of pair % 2 === 0 ? [0, 1] : [1, 0]) {
        const micros = await turns[index]!()
        if (pair >= 0) samples[index]!.push(micros)
      }
    }
    return { few: samples[0], many: samples[1] }
  } finally {
    for (const child of processes) child.kill()
  }
}
