import * as z from 'zod'
import { type Failure, failures } from '../outbound/outcome.ts'

/** Of abandoned ones, the newest. */
const MOST_ABANDONED_KEPT = 20

const progress = z.object({
  /** The place in the log to go on after: everything up to it was sent once, or waits. */
  cursor: z.string(),
  disabled: z.boolean(),
  delivered: z.int(),
  abandoned: z.int(),
  abandonedCursors: z.array(z.string()),
  /** Milliseconds of the wall clock. */
  lastDeliveryAt: z.number().nullable(),
  lastError: z.enum(failures).nullable(),
  failedSince: z.number().nullable(),
  /** Something it was to be sent is missing, and it was not told so yet. */
  gapOwed: z.boolean(),
})

/** How far one outlet is, as it is stored. */
export type Progress = z.output<typeof progress>

export function newProgress(cursor: string): Progress {
  return {
    cursor,
    disabled: false,
    delivered: 0,
    abandoned: 0,
    abandonedCursors: [],
    lastDeliveryAt: null,
    lastError: null,
    failedSince: null,
    gapOwed: false,
  }
}

/** @throws z.ZodError for what no hub wrote */
export function parseProgress(text: string): Progress {
  return progress.parse(JSON.parse(text))
}

export function afterDelivery(progress: Progress, now: number): Progress {
  const { delivered } = progress
  return { ...progress, delivered: delivered + 1, lastDeliveryAt: now, lastError: null, failedSince: null }
}

export function afterFailure(progress: Progress, lastError: Failure, now: number): Progress {
  return { ...progress, lastError, failedSince: progress.failedSince ?? now }
}

/** @param failure of its receiver; none when the fault is the event's own */
export function afterAbandoning(progress: Progress, cursor: string, failure: Failure | undefined): Progress {
  const { abandoned, abandonedCursors } = progress
  return {
    ...progress,
    abandoned: abandoned + 1,
    abandonedCursors: [...abandonedCursors.slice(1 - MOST_ABANDONED_KEPT), cursor],
    ...(failure ? { lastError: failure } : {}),
  }
}
