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
import { type Retention, RetentionGroups, type RetentionLimits } from './retention.ts'
import { EVENTS_FILE } from './sqlite/directory.ts'
import { SqliteStore } from './sqlite/sqlite-store.ts'

export type Durability = 'full' | 'normal' | 'memory'

export interface LogOptions {
  /** `full`: synced to the disk before it is answered. `normal`: survives the process, a power cut may take the last. */
  durability: Durability
  /** Where the files lie; made if absent. Not used with `memory`. */
  directory: string
  retention: Retention
  /** Accepted and not yet answered drafts, read at each `append`: above them it refuses with `overloaded`. */
  pending: Pressure
  clock: Clock
  /** Sentences for the operator. */
  warn(message: string): void
}

/** The log of a hub whose settings may change while it runs. */
export interface OpenedLog extends EventLog {
  /**
   * Other limits for topics without a rule, and for what the rules leave out. Resolves when they count; what is above them
   * is trimmed in the time that takes. @throws HubError `log-failed`, `log-closed`
   */
  retain(limits: RetentionLimits): Promise<void>
}

export const defaultPending: Pressure = { events: 10_000, bytes: 32 * 1024 * 1024 }

/** @throws HubError `log-locked`, `log-unwritable`, `log-corrupt`, `log-newer`, `disk-full`, `log-failed` */
export async function openLog(options: LogOptions): Promise<OpenedLog> {
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

/** Of an open log, what its files take on the disk in bytes; `undefined` of one in memory. */
export async function logFileSizes(
  durability: Durability,
  directory: string,
): Promise<Record<'database' | 'wal', number> | undefined> {
  if (durability === 'memory') return undefined
  const { stat } = await import('node:fs/promises')
  const sizeOf = async (name: string): Promise<number> => {
    const file = await stat(join(directory, name)).catch((error: NodeJS.ErrnoException) => {
      // There is no write-ahead log before the first write.
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    return file?.size ?? 0
  }
  const [database, wal] = await Promise.all([sizeOf(EVENTS_FILE), sizeOf(`${EVENTS_FILE}-wal`)])
  return { database, wal }
}

/** Whether there may be outlets from before in `directory`. */
export function outletsExist(directory: string): boolean {
  return existsSync(join(directory, OUTLETS_FILE))
}
