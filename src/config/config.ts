import { resolve } from 'node:path'
import type { Settings } from './schema.ts'

export interface TopicRetention {
  pattern: string
  /** What is undefined is as in the retention of all topics. */
  maxAgeMs: number | undefined
  maxEvents: number | undefined
  maxBytes: number | undefined
}

/** The checked configuration. Durations are milliseconds, sizes bytes, paths absolute. */
export interface Config {
  /** 0: the system chooses. */
  port: number
  /** Without brackets, at least one, none twice. */
  hosts: readonly string[]
  /** `undefined` when not set, which is not the same as a list. `['*']` for all. */
  corsOrigins: readonly string[] | undefined
  dataDir: string
  logLevel: Settings['log_level']
  durability: Settings['durability']
  retention: {
    maxAgeMs: number
    maxEvents: number
    maxBytes: number
    /** The first that matches a topic counts; no pattern twice. */
    topics: readonly TopicRetention[]
  }
  stream: {
    heartbeatMs: number
    maxAgeMs: number
    maxQueueBytes: number
    maxStallMs: number
    retryMs: number
  }
  limits: { connections: number; pendingBytes: number }
  drain: { delayMs: number; timeoutMs: number }
}

/** What a machine decides when no source does. */
export interface MachineDefaults {
  dataDir: string
  connections: number
}

export function configFrom(settings: Settings, machine: MachineDefaults, cwd: string): Config {
  const { retention, stream, limits, drain } = settings
  return {
    port: settings.port,
    hosts: settings.host,
    corsOrigins: settings.cors_origin,
    dataDir: resolve(cwd, settings.data_dir ?? machine.dataDir),
    logLevel: settings.log_level,
    durability: settings.durability,
    retention: {
      maxAgeMs: retention.max_age,
      maxEvents: retention.max_events,
      maxBytes: retention.max_bytes,
      topics: retention.topics.map((topic) => ({
        pattern: topic.pattern,
        maxAgeMs: topic.max_age,
        maxEvents: topic.max_events,
        maxBytes: topic.max_bytes,
      })),
    },
    stream: {
      heartbeatMs: stream.heartbeat,
      maxAgeMs: stream.max_age,
      maxQueueBytes: stream.max_queue,
      maxStallMs: stream.max_stall,
      retryMs: stream.retry,
    },
    limits: { connections: limits.connections ?? machine.connections, pendingBytes: limits.pending_bytes },
    drain: { delayMs: drain.delay, timeoutMs: drain.timeout },
  }
}
