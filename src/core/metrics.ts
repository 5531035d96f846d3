import type { Clock } from './clock.ts'
import { type CloseReason, closeReasons } from './close-reason.ts'
import type { ConnectionKind } from './connections.ts'
import { Counts } from './counts.ts'
import type { GapReason } from './delivery.ts'
import { DeliveryDelay } from './delivery-delay.ts'
import { Distribution } from './distribution.ts'
import type { ErrorCode } from './errors.ts'

/** Who reads: a client, or a part of the hub that sends events somewhere by itself. */
export type ReaderKind = ConnectionKind | 'hub'

/** What was read again: from memory, or from the log. */
export type ReplaySource = 'tail' | 'log'

const gapReasons: readonly GapReason[] = ['expired', 'unknown']
const reasons = Object.keys(closeReasons) as CloseReason[]

/**
 * What happens in one hub, as plain numbers that only go up, from its first event on. Writing them down for whoever asks is
 * another's work (`observe`), so that the busiest path adds to fields and nothing else.
 */
export class HubMetrics {
  publishedEvents = 0
  publishedBytes = 0
  /** From the last byte of a publish request to its answer, where it was stored. */
  readonly publishing = new Distribution()
  /** Publish requests, by why. */
  readonly publishRefusals = new Counts<[code: ErrorCode]>()
  /** Events that readers took. */
  readonly delivered: Record<ReaderKind, number> = { sse: 0, ndjson: 0, mcp: 0, hub: 0 }
  /** What was written on streams of events. */
  deliveredBytes = 0
  /** What was written on streams of messages of MCP; answers that are one document are not counted. */
  messageBytes = 0
  readonly deliveryDelay: DeliveryDelay
  readonly replayedEvents: Record<ReplaySource, number> = { tail: 0, log: 0 }
  readonly replayedPages: Record<ReplaySource, number> = { tail: 0, log: 0 }
  /** Live readers whose queue was full, or held something that was erased. */
  fellBack = 0
  readonly gaps = new Counts<[reason: GapReason]>(gapReasons.map((reason) => [reason]))
  readonly closed = new Counts<[reason: CloseReason]>(reasons.map((reason) => [reason]))
  /** Streams that were told to come back instead of being opened. */
  readonly streamRefusals = new Counts<[reason: CloseReason]>()
  /** Refused HTTP requests. `http-404` stands for the code of what MCP refuses in its own words. */
  readonly httpErrors = new Counts<[status: string, code: ErrorCode | `http-${number}`]>()
  /** How much later than asked for the event loop came to a timer, sampled once a second. */
  readonly loopLag = new Distribution()
  readonly mcpCalls = new Counts<[tool: string, version: string]>()
  /** What the hub sent by itself: `taken`, or how it failed. */
  readonly webhookAttempts = new Counts<[kind: string, result: string]>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.deliveryDelay = new DeliveryDelay(clock)
  }
}

/** How things are now. */
export interface HubGauges {
  /** Places that are taken among the connections. */
  connections: Readonly<Record<ConnectionKind, number>>
  /** Events that wait for live readers, in bytes of their queues. */
  queuedBytes: number
  /** Readers that read from the log or the tail, the hub's own among them. */
  catchingUp: number
  /** Different filters that are subscribed to. */
  audiences: number
}
