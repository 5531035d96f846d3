import type { Grants } from '../../core/grants.ts'
import type { Advice } from './advice.ts'
import type { Front } from './front.ts'
import type { OwnEvents } from './own-events.ts'
import type { Way } from './way.ts'

/** `fail`: something does not work. `warn`: it works, or may, but not well. `skipped`: it could not be looked at. */
export type Verdict = 'ok' | 'warn' | 'fail' | 'skipped'

export interface Finding {
  verdict: Verdict
  /** What was seen, with its numbers, as one sentence or several. */
  saw: string
  /** What to change. */
  advice?: Advice
  /** What was measured, by name; times in milliseconds. */
  numbers?: Record<string, number>
}

/** What has to be there before a probe has anything to look at. */
export type Need = 'hub' | 'caller' | 'subscribe' | 'stream'

export interface Probe {
  name: string
  needs: readonly Need[]
  run(examination: Examination): Promise<Finding>
}

/** Who the hub takes the caller for. */
export interface Caller {
  principal: string
  mode: string
  grants: Grants
}

/** What probes learn from each other. Each is set by the one probe that the comment names. */
export interface Known {
  /** the command line, else reach */
  proxy: Front | undefined
  /** credential; `undefined`: nobody the hub knows. */
  caller: Caller | undefined
  /** buffering: whether the beginning of a stream came through. */
  streams: boolean
}

/** One run of the doctor. */
export interface Examination {
  way: Way
  topic: string
  /** What is published goes there by this, and is erased afterwards where that is allowed. */
  events: OwnEvents
  /** A page's, as far as CORS is looked at. */
  origin: string
  /** That it was named by the user, so that a refusal is a finding. */
  originNamed: boolean
  /** How long a quiet stream is held; `undefined`: until its heartbeat was due. */
  holdMs: number | undefined
  /** How long a restart is waited for. 0: none is. */
  restartMs: number
  known: Known
  /** What the person in front of it has to know in the middle of a run. */
  tell(line: string): Promise<void>
}

export const ok = (saw: string, numbers?: Finding['numbers']): Finding => finding('ok', saw, undefined, numbers)
export const warn = (saw: string, advice?: Advice, numbers?: Finding['numbers']): Finding =>
  finding('warn', saw, advice, numbers)
export const fail = (saw: string, advice?: Advice, numbers?: Finding['numbers']): Finding =>
  finding('fail', saw, advice, numbers)
export const skipped = (saw: string, advice?: Advice): Finding => finding('skipped', saw, advice, undefined)

function finding(
  verdict: Verdict,
  saw: string,
  advice: Advice | undefined,
  numbers: Finding['numbers'] | undefined,
): Finding {
  return { verdict, saw, ...(advice ? { advice } : {}), ...(numbers ? { numbers } : {}) }
}

/** `4 ms`, `2.1 s`, `75 s` */
export function shown(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  return `${(ms / 1000).toFixed(ms < 20_000 ? 1 : 0)} s`
}
