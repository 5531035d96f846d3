import fc from 'fast-check'
import { HubError } from '../../src/core/errors.ts'
import { statusOf } from '../../src/http/problem.ts'
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
  /** What must hold of a result, besides that there is one. */
  holds?: (result: unknown) => boolean
}

/** One call of a parser may take so long, a pause of the machine included. */
const SLOW_MS = 500
/** A sentence for a person, with what was sent quoted: not megabytes of it. */
const LONGEST_SENTENCE = 1000
const SIZES = [4, 16, 64].map((kib) => kib * 1024)

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
  if (isAsync(parser))
    await fc.assert(
      fc.asyncProperty(inputs, async (parts) => check(parser, parts)),
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
    for (const parts of growing(parser.samples, size)) await check(parser, parts)
  }
}

function isAsync(parser: Parser): boolean {
  return parser.samples.some((sample) => {
    const result = outcome(() => parser.read(...sample))
    if (!(result instanceof Promise)) return false
    result.catch(() => {})
    return true
  })
}

function check(parser: Parser, parts: Parts): undefined | Promise<void> {
  const started = performance.now()
  const result = outcome(() => parser.read(...parts))
  if (result instanceof Promise) {
    return result.catch(refusal).then((settled) => verify(parser, parts, settled, performance.now() - started))
  }
  verify(parser, parts, result, performance.now() - started)
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
  if (tookMs > SLOW_MS) {
    // Once more: the machine may have been busy elsewhere.
    const again = performance.now()
    outcome(() => parser.read(...parts))
    if (performance.now() - again > SLOW_MS) complain(`it took ${Math.round(tookMs)} ms`)
  }
  if (result instanceof HubError) {
    if (parser.operators && result.code === 'invalid-config') return
    if (statusOf[result.code] >= 500) complain(`it answers ${statusOf[result.code]} (${result.code})`)
    if (result.message.length > LONGEST_SENTENCE) complain(`its sentence has ${result.message.length} characters`)
    if (!result.message.isWellFormed()) complain('its sentence has half a surrogate pair')
  } else if (parser.holds && !parser.holds(result)) complain('what it read cannot be')
}
