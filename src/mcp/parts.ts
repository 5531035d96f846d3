import type { Clock } from '../core/clock.ts'
import type { OutboxLimits } from './outbox.ts'
import type { Outboxes } from './outboxes.ts'
import type { ServerPlan } from './server.ts'
import type { Watching } from './watching.ts'

/** Read whenever they count, so that what is put in their place counts from then on. */
export interface McpLimits extends OutboxLimits {
  /** What `retry:` says, before jitter. */
  retryMs: number
  /** Sessions at once, and of one principal where its limits count. */
  sessions: number
  sessionsPerPrincipal: number
  /** A session nobody uses is forgotten after this; its client is told by 404 and begins again. */
  sessionIdleMs: number
  /** How long an answer may take and still be one JSON document: `JSON_WITHIN_MS` unless this says otherwise. */
  jsonWithinMs?: number
}

/** What every era of the protocol works with. */
export interface Parts {
  plan: ServerPlan
  outboxes: Outboxes
  watching: Watching
  clock: Clock
  limits: McpLimits
}

/** What of a catalogue changed, for all who listen. */
export type Changed = 'tools' | 'resources' | 'prompts'
