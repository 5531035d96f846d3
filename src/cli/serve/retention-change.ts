import type { Config } from '../../config/config.ts'
import { formatDuration } from '../../config/duration.ts'
import { formatSize } from '../../config/size.ts'
import type { Clock } from '../../core/clock.ts'
import type { LogLines } from '../../daemon/log-lines.ts'

/** For the next reload to take back what was read of a file that was being written, or had a digit too few. */
const SECOND_THOUGHTS_MS = 60_000

export type RetentionLimits = Pick<Config['retention'], 'maxAgeMs' | 'maxEvents' | 'maxBytes'>
type Limit = keyof RetentionLimits

const LIMITS: readonly (readonly [Limit, string, (value: number) => string])[] = [
  ['maxAgeMs', 'retention.max_age', formatDuration],
  ['maxEvents', 'retention.max_events', String],
  ['maxBytes', 'retention.max_bytes', formatSize],
]

export interface RetentionChangeOptions {
  log: { retain(limits: RetentionLimits): Promise<void> }
  /** Those of the start. */
  limits: RetentionLimits
  clock: Pick<Clock, 'every'>
  lines: Pick<LogLines, 'warn' | 'info'>
  /** Of a change that fails when nobody waits for it. */
  report: (error: unknown) => void
}

/** What a reload does to limits whose lowering deletes for good: higher ones count at once, lower ones a minute later. */
export class RetentionChange {
  readonly #options: RetentionChangeOptions
  #counting: RetentionLimits
  #wanted: RetentionLimits
  #cancel = () => {}

  constructor(options: RetentionChangeOptions) {
    this.#options = options
    this.#counting = pick(options.limits)
    this.#wanted = this.#counting
  }

  /** Takes back what waits and is not in `limits`; another value of any begins the minute again, for all that wait. */
  async change(limits: RetentionLimits): Promise<void> {
    const wanted = pick(limits)
    if (Bun.deepEquals(wanted, this.#wanted)) return
    const before = this.#counting
    const waited = this.#lowered()
    this.#cancel()
    this.#wanted = wanted
    this.#counting = highest(before, wanted)
    const lowered = this.#lowered()
    const { log, clock, lines } = this.#options
    for (const [limit, name, text] of LIMITS) {
      if (lowered.includes(limit)) {
        lines.warn(
          `${name} goes from ${text(before[limit])} to ${text(wanted[limit])} in ${formatDuration(SECOND_THOUGHTS_MS)}, and what is above it is deleted for good then: if that is not meant, set the old value and reload before.`,
        )
      } else if (waited.includes(limit)) lines.info(`${name} is not lowered after all: it is ${text(wanted[limit])}.`)
    }
    if (lowered.length > 0) this.#cancel = clock.every(SECOND_THOUGHTS_MS, () => this.#lower())
    if (!Bun.deepEquals(before, this.#counting)) await log.retain(this.#counting)
  }

  /** What waits is left to the next start. */
  close(): void {
    this.#cancel()
  }

  #lowered(): Limit[] {
    return LIMITS.map(([limit]) => limit).filter((limit) => this.#wanted[limit] < this.#counting[limit])
  }

  #lower(): void {
    this.#cancel()
    const { log, lines, report } = this.#options
    const lowered = this.#lowered()
    this.#counting = this.#wanted
    for (const [limit, name, text] of LIMITS) {
      if (lowered.includes(limit)) lines.warn(`${name} = ${text(this.#wanted[limit])} counts from now on.`)
    }
    log.retain(this.#counting).catch(report)
  }
}

function pick({ maxAgeMs, maxEvents, maxBytes }: RetentionLimits): RetentionLimits {
  return { maxAgeMs, maxEvents, maxBytes }
}

function highest(one: RetentionLimits, other: RetentionLimits): RetentionLimits {
  return {
    maxAgeMs: Math.max(one.maxAgeMs, other.maxAgeMs),
    maxEvents: Math.max(one.maxEvents, other.maxEvents),
    maxBytes: Math.max(one.maxBytes, other.maxBytes),
  }
}
