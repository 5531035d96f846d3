import { accessProblems } from './access-combinations.ts'
import type { Config } from './config.ts'
import { formatDuration } from './duration.ts'

/** Bun closes a socket that was quiet for 255 s at the latest (1.4.5), so a heartbeat has to come well before that. */
const HEARTBEAT_CEILING_MS = 240_000

export interface Circumstances {
  /** Descriptors this process may open, if known. */
  descriptors: number | undefined
  /** As in `ConfigSources`. */
  closed: boolean
}

/** Values that are fine one by one and impossible together, as sentences. `from` names where a key got its value. */
export function impossibleCombinations(
  config: Config,
  { descriptors, closed }: Circumstances,
  from: (key: string) => string,
): string[] {
  const { stream, limits, retention } = config
  const problems: string[] = []
  const heartbeat = `${from('stream.heartbeat')}: stream.heartbeat = ${formatDuration(stream.heartbeatMs)}`
  if (stream.heartbeatMs >= HEARTBEAT_CEILING_MS) {
    problems.push(`${heartbeat} must be below 4m: a connection that is quiet for longer is closed. Try 15s.`)
  }
  const age = `stream.max_age (${formatDuration(stream.maxAgeMs)} from ${from('stream.max_age')})`
  if (stream.retryMs > stream.maxAgeMs) {
    problems.push(
      `${from('stream.retry')}: stream.retry = ${formatDuration(stream.retryMs)} must not be above ${age}: readers would wait longer than they read. Try 2s.`,
    )
  }
  if (descriptors !== undefined && limits.connections >= descriptors) {
    problems.push(
      `${from('limits.connections')}: limits.connections = ${limits.connections} must be below the descriptor limit of this process (${descriptors}). Raise it (ulimit -n, LimitNOFILE=) or ask for fewer.`,
    )
  }
  const patterns = retention.topics.map((topic) => topic.pattern)
  const repeated = patterns.find((pattern, index) => patterns.indexOf(pattern) !== index)
  if (repeated !== undefined) {
    problems.push(
      `${from('retention.topics')}: retention.topics has the pattern ${JSON.stringify(repeated)} twice; the second would never count. Remove one.`,
    )
  }
  const names = config.eventTypes.map((type) => type.name)
  const taken = names.find((name, index) => names.indexOf(name) !== index)
  if (taken !== undefined) {
    problems.push(
      `${from('event_types')}: event_types has the name ${JSON.stringify(taken)} twice; readers ask by it. Rename one.`,
    )
  }
  return [...problems, ...accessProblems(config, from, closed)]
}
