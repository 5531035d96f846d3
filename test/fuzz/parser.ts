import fc from 'fast-check'
import { HubError } from '../../src/core/errors.ts'
import { statusOf } from '../../src/http/problem.ts'
import { Hanging, hangingOnce } from './hanging.ts'
import { growing, hostile, type Parts } from './hostile.ts'

/** One thing that reads what a stranger sent. */
export interface Parser {
  name: string
  /** Valid inputs: what is mutated. */
  samples: readonly Parts[]
  /** Reads one input. Throws nothing but HubError, whatever the parts are. A promise makes the parser asynchronous. */
  read(...parts: string[]): unknown
  /** What it reads is the operator's own: its refusals stop a start, say all that is wrong, and may take their time. */
  operators?: true
  /** Reading one input takes many steps: of these there are fewer. */
  slow?: true
  /** Those of the samples that are made to grow; all if there are none. */
  grown?: readonly Parts[]
  /** What must hold of a result, besides that there is one. */
  holds?: (result: unknown) => boolean
}

/** One call of a parser may take so long, by the clock or by the time this process ran: a machine that stands still is not its fault. */
const SLOW_MS = 500
/** An asynchronous one that has not ended by then hangs. */
const DEADLINE_MS = 30_000
/** A sentence for a person, with what was sent quoted: not megabytes of it. */
const LONGEST_SENTENCE = 1000
const SIZES = [4, 16, 64].map((kib) => kib * 1024)

/** How many inputs it gets where others get `runs`. */
export function runsOf({ operators, slow }: Parser, runs: number): number {
  return Math.ceil(operators ? runs / 10 : slow ? runs / 5 : runs)
}

export interface FuzzReport {
  runs: number
  seconds: number
  seed: number
}

/**
 * `runs` hostile inputs.
 * @throws Error with the smallest input found that the parser fails at, and the seed
 */
export async function fuzz(parser: Parser, runs: number, seed: number = Date.now() & 0x7fffffff): Promise<FuzzReport> {
  const started = performance.now()
  const parameters = { numRuns: runs, seed, includeErrorInReport: true }
  const inputs = hostile(parser.samples)
  if (await isAsync(parser))
    await fc.assert(
      fc.asyncProperty(
        inputs,
        hangingOnce(async (parts) => check(parser, parts)),
      ),
      parameters,
    )
  else
    fc.assert(
      fc.property(inputs, (parts) => void check(parser, parts)),
      parameters,
    )
  return { runs, seconds: (performance.now() - started) / 1000, seed }
}

/** Inputs of 4, 16 and 64 KiB: a parser that is quadratic is found at one of the three before it takes minutes. */
export async function grow(parser: Parser): Promise<void> {
  for (const size of parser.operators ? [] : SIZES) {
    for (const parts of growing(parser.grown ?? parser.samples, size)) await check(parser, parts)
  }
}

async function isAsync(parser: Parser): Promise<boolean> {
  for (const sample of parser.samples) {
    const result = outcome(() => parser.read(...sample))
    if (!(result instanceof Promise)) continue
    // To its end: what it holds meanwhile is not what the first input leaves behind.
    await result.catch(() => {})
    return true
  }
  return false
}

function check(parser: Parser, parts: Parts): undefined | Promise<void> {
  const took = stopwatch()
  const result = outcome(() => parser.read(...parts))
  if (result instanceof Promise) return checkLater(parser, parts, result, took)
  let tookMs = took()
  if (tookMs > SLOW_MS) {
    // Once more: the machine may have been busy elsewhere.
    const again = stopwatch()
    outcome(() => parser.read(...parts))
    tookMs = again()
  }
  verify(parser, parts, result, tookMs)
}

async function checkLater(parser: Parser, parts: Parts, first: Promise<unknown>, took: () => number): Promise<void> {
  const result = await inTime(parser, parts, first)
  let tookMs = took()
  if (tookMs > SLOW_MS) {
    const again = stopwatch()
    await inTime(parser, parts, Promise.resolve(outcome(() => parser.read(...parts))))
    tookMs = again()
  }
  verify(parser, parts, result, tookMs)
}

async function inTime(parser: Parser, parts: Parts, result: Promise<unknown>): Promise<unknown> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new Hanging(`${parser.name}: it hangs for ${JSON.stringify(parts).slice(0, 500)}`)),
    DEADLINE_MS,
  )
  try {
    return await Promise.race([result.catch(refusal), promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Milliseconds since it was made: of the clock, or of the processors for this process if that is less. */
function stopwatch(): () => number {
  const started = performance.now()
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return Math.min(performance.now() - started, (user + system) / 1000)
  }
}

function outcome(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return refusal(error)
  }
}

function refusal(error: unknown): HubError {
  if (error instanceof HubError) return error
  throw error
}

function verify(parser: Parser, parts: Parts, result: unknown, tookMs: number): void {
  const complain = (what: string): never => {
    throw new Error(`${parser.name}: ${what} for ${JSON.stringify(parts).slice(0, 500)}`)
  }
  if (tookMs > SLOW_MS) complain(`it took ${Math.round(tookMs)} ms`)
  if (result instanceof HubError) {
    if (parser.operators && result.code === 'invalid-config') return
    if (statusOf[result.code] >= 500) complain(`it answers ${statusOf[result.code]} (${result.code})`)
    if (result.message.length > LONGEST_SENTENCE) complain(`its sentence has ${result.message.length} characters`)
    if (!result.message.isWellFormed()) complain('its sentence has half a surrogate pair')
  } else if (parser.holds && !parser.holds(result)) complain('what it read cannot be')
}
