import type { Clock } from '../core/clock.ts'
import type { EventLog, Pressure } from '../core/event-log.ts'
import { MemoryStore } from './memory/memory-store.ts'
import { RetainedLog } from './retained-log.ts'
import { type Retention, RetentionGroups } from './retention.ts'
import { SqliteStore } from './sqlite/sqlite-store.ts'

export type Durability = 'full' | 'normal' | 'memory'

export interface LogOptions {
  /** `full`: synced to the disk before it is answered. `normal`: survives the process, a power cut may take the last. */
  durability: Durability
  /** Where the files lie; made if absent. Not used with `memory`. */
  directory: string
  retention: Retention
  /** Accepted and not yet answered drafts, above which `append` refuses with `overloaded`. */
  pending: Pressure
  clock: Clock
  /** Sentences for the operator. */
  warn(message: string): void
}

export const defaultPending: Pressure = { events: 10_000, bytes: 32 * 1024 * 1024 }

/** @throws HubError `log-locked`, `log-unwritable`, `log-corrupt`, `log-newer`, `disk-full`, `log-failed` */
export async function openLog(options: LogOptions): Promise<EventLog> {
  const { durability, directory, retention, pending, clock, warn } = options
  const groups = new RetentionGroups(retention)
  const store =
    durability === 'memory'
      ? new MemoryStore(groups)
      : await SqliteStore.open({ directory, durability, retention }, warn)
  return new RetainedLog({ store, groups, pending, clock, warn })
}
