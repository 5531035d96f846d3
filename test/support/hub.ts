import type { Clock } from '../../src/core/clock.ts'
import type { Draft } from '../../src/core/event.ts'
import { Hub, type HubLimits, type HubOptions } from '../../src/core/hub.ts'
import { systemClock } from '../../src/daemon/clock.ts'
import { openLog } from '../../src/storage/open.ts'

export const testLimits: HubLimits = {
  maxQueueBytes: 64 * 1024,
  maxStallMs: 30_000,
  heartbeatMs: 15_000,
  maxAgeMs: 1_800_000,
  connections: 1000,
  connectionsPerPrincipal: 100,
  connectionsPerAddress: 1000,
  pendingEvents: 10_000,
  pendingBytes: 32 * 1024 * 1024,
  tailBytes: 256 * 1024,
  retryMs: 2000,
}

export interface Retention {
  maxAgeMs?: number
  maxEvents?: number
  maxBytes?: number
  topics?: readonly { pattern: string; maxEvents?: number }[]
}

/** Fails the test it happens in, as an uncaught error. */
export function unforeseen(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

export interface OpenedHubOptions {
  limits?: Partial<HubLimits> | undefined
  retention?: Retention | undefined
  clock?: Clock | undefined
  check?: HubOptions['check']
  closed?: HubOptions['closed']
  /** Where the log is kept, on disk; in memory without one. */
  directory?: string | undefined
}

/** A hub and its log, with limits small enough to be reached. */
export async function openedHub(options: OpenedHubOptions) {
  const { limits, retention, clock = systemClock, check, closed, directory } = options
  const log = await openLog({
    durability: directory === undefined ? 'memory' : 'full',
    directory: directory ?? '',
    retention: { maxAgeMs: 86_400_000, maxEvents: 1_000_000, maxBytes: 1 << 30, topics: [], ...retention },
    pending: { events: 10_000, bytes: 32 * 1024 * 1024 },
    clock,
    warn: () => {},
  })
  const all = { ...testLimits, ...limits }
  const hub = await Hub.open({ log, clock, limits: all, report: unforeseen, check, closed })
  return {
    hub,
    /** What it goes by, read whenever it counts. */
    limits: all,
    log,
    async close() {
      await hub.drain()
      hub.close()
      await log.close()
    },
  }
}

/** A hub over the memory log. */
export function memoryHub(
  limits?: Partial<HubLimits>,
  retention?: Retention,
  clock?: Clock,
  check?: HubOptions['check'],
) {
  return openedHub({ limits, retention, clock, check })
}

export function draft(topic: string, data: string, more: Partial<Draft> = {}): Draft {
  return {
    topic,
    type: 'message',
    data,
    isText: true,
    id: null,
    time: null,
    bytes: topic.length + data.length + 7,
    ...more,
  }
}
