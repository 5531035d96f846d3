import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import type { EventLog, Pressure } from '../core/event-log.ts'
import type { OutletStore } from '../core/outlet-store.ts'
import { MemoryStore } from './memory/memory-store.ts'
import { MemoryOutlets } from './outlets/memory-outlets.ts'
import { OUTLETS_FILE } from './outlets/messages.ts'
import { SqliteOutlets } from './outlets/sqlite-outlets.ts'
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

export interface OutletStoreOptions {
  /** `memory` keeps nothing; both others are one, as what is put is always synced to the disk. */
  durability: Durability
  /** That of the event log, whose lock is held. Not used with `memory`. */
  directory: string
  /** Sentences for the operator. */
  warn(message: string): void
}

/** @throws HubError `log-unwritable`, `log-corrupt`, `log-newer`, `disk-full`, `log-failed` */
export async function openOutlets({ durability, directory, warn }: OutletStoreOptions): Promise<OutletStore> {
  return durability === 'memory' ? new MemoryOutlets() : SqliteOutlets.open(directory, warn)
}

/** Whether there may be outlets from before in `directory`. */
export function outletsExist(directory: string): boolean {
  return existsSync(join(directory, OUTLETS_FILE))
}
