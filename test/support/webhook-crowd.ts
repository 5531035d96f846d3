import type { CrowdCounts, CrowdKind, CrowdReport } from './webhook-crowd-process.ts'
import type { WebhookCaller } from './webhook-executable.ts'

export const TOPICS = 10
/** Seven that are well, one that will be down, one slow, one that fails half the time. */
export const CROWD: readonly CrowdKind[] = [...Array<CrowdKind>(7).fill('healthy'), 'healthy', 'slow', 'flaky']
export const HEALTHY = 7
const DOWN = HEALTHY

/** Ten receivers in a process of their own, each with ten paths, each path for one topic: an event goes to each receiver once. */
export class WebhookCrowd {
  readonly ports: readonly number[]
  readonly #process: Bun.Subprocess<'pipe', 'pipe', 'inherit'>
  readonly #lines: AsyncIterator<string>
  #asking: Promise<unknown> = Promise.resolve()

  private constructor(
    process: Bun.Subprocess<'pipe', 'pipe', 'inherit'>,
    lines: AsyncIterator<string>,
    ports: readonly number[],
  ) {
    this.#process = process
    this.#lines = lines
    this.ports = ports
  }

  /** @param secret with it, every signature is looked at */
  static async open(secret?: string): Promise<WebhookCrowd> {
    const program = `${import.meta.dir}/webhook-crowd-process.ts`
    const command = [process.execPath, 'run', program, CROWD.join(','), ...(secret ? [secret] : [])]
    const child = Bun.spawn(command, { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' })
    const lines = linesOf(child.stdout)
    return new WebhookCrowd(child, lines, JSON.parse((await lines.next()).value))
  }

  get pid(): number {
    return this.#process.pid
  }

  /** A name for each receiver: challenges are counted by host. */
  url(receiver: number, topic: number): string {
    return `http://r${receiver}.localhost:${this.ports[receiver]}/topic/${topic}`
  }

  /** A subscription for each path, and then one receiver is gone. @returns their ids */
  async subscribe(caller: WebhookCaller, secret: string): Promise<string[]> {
    const ids: string[] = []
    for (let receiver = 0; receiver < CROWD.length; receiver++) {
      for (let topic = 0; topic < TOPICS; topic++) {
        ids.push(await caller.subscribed(this.url(receiver, topic), `load/${topic}`, { secret }))
      }
    }
    await this.#ask(`close ${DOWN}`)
    return ids
  }

  async counts(): Promise<CrowdCounts> {
    return JSON.parse(await this.#ask('counts'))
  }

  /** Resolves when nothing of what was sent to them is left to be read or answered. */
  async quiet(): Promise<CrowdCounts> {
    let before = ''
    for (let still = 0; still < 5; ) {
      const counts = await this.#ask('counts')
      still = counts === before && JSON.parse(counts).answering === 0 ? still + 1 : 0
      before = counts
      await Bun.sleep(20)
    }
    return JSON.parse(before)
  }

  async report(): Promise<CrowdReport> {
    return JSON.parse(await this.#ask('report'))
  }

  async stop(): Promise<void> {
    this.#process.kill()
    await this.#process.exited
  }

  #ask(line: string): Promise<string> {
    const answer = this.#asking.then(async () => {
      this.#process.stdin.write(`${line}\n`)
      this.#process.stdin.flush()
      return (await this.#lines.next()).value as string
    })
    this.#asking = answer
    return answer
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  throw new Error('The receivers are gone.')
}

export interface LoadOptions {
  from: number
  count: number
  /** Otherwise as fast as it goes, `atOnce` at one time. */
  perSecond?: number
  atOnce?: number
}

const PAD = 'x'.repeat(120)

/**
 * Publishes numbered events, one topic after another, each until it is acknowledged: one whose answer was lost is sent
 * again with its id. @returns when each was answered, milliseconds since 1970
 */
export async function publishLoad(
  caller: WebhookCaller,
  { from, count, perSecond, atOnce = 32 }: LoadOptions,
): Promise<Map<number, number>> {
  const answered = new Map<number, number>()
  const begun = performance.now()
  let next = from
  const publish = async (n: number): Promise<boolean> => {
    const path = `/events/load/${n % TOPICS}?id=load-${n}`
    const response = await caller.fetch(path, { method: 'POST', body: JSON.stringify({ n, pad: PAD }) })
    await response.body?.cancel()
    return response.ok
  }
  const lane = async (): Promise<void> => {
    while (next < from + count) {
      const n = next++
      if (perSecond) await Bun.sleep(begun + ((n - from) * 1000) / perSecond - performance.now())
      while (!(await publish(n).catch(() => false))) await Bun.sleep(20)
      answered.set(n, performance.timeOrigin + performance.now())
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return answered
}

export interface Delays {
  p50: number
  p99: number
  most: number
}

/** From the answer to the publisher to the taking, over all healthy receivers; what came before the answer is 0. */
export function delaysOf(report: CrowdReport, answered: ReadonlyMap<number, number>): Delays {
  const delays = report.taken.slice(0, HEALTHY).flatMap((taken) =>
    taken.flatMap(([n, at]) => {
      const since = answered.get(n)
      return since === undefined ? [] : [Math.max(0, at - since)]
    }),
  )
  delays.sort((a, b) => a - b)
  const part = (share: number): number => delays[Math.min(delays.length - 1, Math.floor(delays.length * share))]!
  return { p50: part(0.5), p99: part(0.99), most: part(1) }
}
