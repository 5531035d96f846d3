import type { Clock } from '../../core/clock.ts'
import type { CloseReason } from '../../core/close-reason.ts'
import { eventCursor, type StoredEvent } from '../../core/event.ts'
import type { HistoryPage } from '../../core/history.ts'
import type { Hub } from '../../core/hub.ts'
import { type Place, placeOf, startAt } from '../../core/place.ts'
import type { Principal } from '../../core/principal.ts'
import type { Caller } from '../asking.ts'
import { arrival } from '../catalogue/arrival.ts'
import { closeRefusal } from '../catalogue/close-refusal.ts'
import { type Reading, withRoom } from '../catalogue/reading.ts'
import type { Occurrence } from './occurrence.ts'
import type { PollParams } from './params.ts'
import type { Selection } from './selection.ts'

export interface PollHost {
  readonly hub: Pick<Hub, 'admission' | 'history' | 'subscribe' | 'cursor' | 'log'>
  readonly clock: Pick<Clock, 'now' | 'random' | 'every'>
  readonly reading: (principal: Principal) => Reading
}

export interface PollResult {
  events: Occurrence[]
  cursor: string
  truncated: boolean
  hasMore: boolean
  nextPollMs: number
}

/** What one poll is about. */
export interface Poll {
  params: PollParams
  selection: Selection
  caller: Caller
  /** Aborted when nobody waits for the answer any more. */
  gone: readonly AbortSignal[]
}

const DEFAULT_EVENTS = 100
export const MOST_EVENTS = 1000
/** Of one answer: with its envelope it stays below 1 MiB. */
const ANSWER_BYTES = 1024 * 1024 - 16 * 1024
/** Below the half minute after which proxies lose patience. */
const MOST_WAIT_MS = 25_000
const NEXT_POLL_MS = 15_000

/** `events/poll`: nothing of it stays here, so any server of the same log answers the next one. @throws HubError */
export async function poll(host: PollHost, asked: Poll): Promise<PollResult> {
  const { params } = asked
  const place = await placeOf(params, host.hub, host.clock)
  const first = await read(host, asked, place)
  const waitMs = Math.min(params.timeoutMs ?? 0, MOST_WAIT_MS)
  if (waitMs === 0 || first.events.length > 0 || first.hasMore || first.truncated) return first
  await waited(host, asked, { from: first.cursor, waitMs })
  return read(host, asked, { start: startAt(first.cursor), truncated: false })
}

async function read(host: PollHost, asked: Poll, { start, truncated }: Place): Promise<PollResult> {
  const { hub, clock, reading } = host
  const { params, selection, caller } = asked
  const nextPollMs = Math.round(NEXT_POLL_MS * (0.8 + 0.4 * clock.random()))
  if (!start) return { events: [], cursor: hub.cursor(hub.log.head), truncated, hasMore: false, nextPollMs }
  const most = Math.min(params.maxEvents ?? DEFAULT_EVENTS, MOST_EVENTS)
  // Of those that the log finds some are left out: a filter that rarely matches gets on by more at once.
  const limit = selection.sifts ? MOST_EVENTS : most
  return withRoom(reading, caller.principal, async (room) => {
    const page = await hub.history({ filter: selection.filter, start, limit }, room)
    const { events, cut } = fitted(page, asked, most)
    return {
      events,
      cursor: cut ?? page.cursor,
      truncated: truncated || page.truncated,
      hasMore: cut !== undefined || page.hasMore,
      nextPollMs,
    }
  })
}

/** As many as an answer has room for, at least one; `cut`: the place after the last event looked at, if not all were. */
function fitted(
  { events }: HistoryPage,
  { selection }: Poll,
  most: number,
): { events: Occurrence[]; cut: string | undefined } {
  const fits: Occurrence[] = []
  let bytes = 0
  let before: StoredEvent | undefined
  for (const event of events) {
    const occurrence = selection.of(event)
    if (occurrence) {
      bytes += Buffer.byteLength(selection.occurrences.json(event)) + 1
      if (before && (fits.length === most || bytes > ANSWER_BYTES)) return { events: fits, cut: eventCursor(before) }
      fits.push(occurrence)
    }
    before = event
  }
  return { events: fits, cut: undefined }
}

/** Until an event comes that is wanted, or the time is over. @throws HubError when the credential is over */
async function waited(
  { hub, clock }: PollHost,
  { selection, caller, gone }: Poll,
  { from, waitMs }: { from: string; waitMs: number },
): Promise<void> {
  // It may wait, it need not: where there is no place, or the hub stops, the answer is what is there now.
  if (hub.admission.refusal(caller)) return
  const { principal, address } = caller
  const subscription = hub.subscribe({ filter: selection.filter, start: startAt(from), principal, address })
  const giveUp = (): void => subscription.close('client-gone')
  const stop = clock.every(waitMs, () => subscription.close('done'))
  for (const signal of gone) {
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
  }
  try {
    for (;;) {
      const { events, gap } = await arrival(subscription)
      const { closeReason } = subscription
      if (closeReason && FORBIDDEN.has(closeReason)) throw closeRefusal(closeReason, hub.admission.retryMs(closeReason))
      if (gap || closeReason !== undefined || events.some((event) => selection.of(event))) return
    }
  } finally {
    subscription.close('done')
    stop()
    for (const signal of gone) signal.removeEventListener('abort', giveUp)
  }
}

const FORBIDDEN = new Set<CloseReason>(['credential-expired', 'credential-revoked', 'grants-changed'])
