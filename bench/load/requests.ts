import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tools } from './tools.ts'

export type Amount = { seconds: number } | { count: number } | { perSecond: number; seconds: number }

export interface Answered {
  /** Answers with a 2xx status. */
  requests: number
  failures: number
  firstFailure: string
  /** CLOCK_MONOTONIC nanoseconds. */
  started: number
  ended: number
  seconds: number
  /** Milliseconds from sending (with `perSecond`: from the planned moment) to the whole answer. */
  p50: number
  p99: number
  max: number
}

const GRACE_SECONDS = 60

/**
 * Sends one prepared request over `connections` keep-alive connections from a process of its own (load/requests.c).
 * @throws Error when a request was refused: a benchmark of refusals would look fast.
 */
export async function sendRequests(
  tools: Tools,
  port: number,
  request: string,
  connections: number,
  amount: Amount,
): Promise<Answered> {
  const directory = mkdtempSync(join(tmpdir(), 'mcp-sse-bench-'))
  try {
    const file = join(directory, 'request')
    await Bun.write(file, request)
    const deadline = Math.ceil(('seconds' in amount ? amount.seconds : 0) + GRACE_SECONDS)
    const child = Bun.spawn(
      [tools.requests, String(port), String(connections), file, String(deadline), ...words(amount)],
      { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' },
    )
    const [said, complaint] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    const code = await child.exited
    if (said === '') throw new Error(`The load generator stopped with ${code}: ${complaint.trim()}`)
    const answered = JSON.parse(said) as Answered
    if (answered.failures > 0) {
      const total = answered.requests + answered.failures
      throw new Error(`${answered.failures} of ${total} requests were refused, first: ${answered.firstFailure}`)
    }
    if (code !== 0) throw new Error(`The load generator gave up at its deadline after ${answered.requests} answers.`)
    return answered
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function words(amount: Amount): string[] {
  if ('count' in amount) return ['count', String(amount.count)]
  if ('perSecond' in amount) return ['rate', String(amount.perSecond), String(amount.seconds)]
  return ['seconds', String(amount.seconds)]
}
