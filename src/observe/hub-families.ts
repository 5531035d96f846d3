import type { Hub } from '../core/hub.ts'
import type { LogStats } from '../core/log-stats.ts'
import { counter, type Family, gauge, histogram, type Sample } from './family.ts'

/** What is looked at when somebody asks; all else was counted when it happened. */
export interface Observed {
  version: string
  /** Milliseconds of the wall clock. */
  now: number
  hub: Pick<Hub, 'metrics' | 'gauges' | 'log'>
  mcp: { sessions: number; streams: number }
  webhooks: { outlets: Readonly<Record<string, Readonly<Record<string, number>>>>; waiting: number }
  /** Of the hub's own log lines, those that nobody took. */
  lostLines: number
  /** What the configuration allows now. */
  limits: ConfiguredLimits
  /** Bytes on the disk by what they are; `undefined`: the log is in memory. */
  files: Readonly<Record<'database' | 'wal', number>> | undefined
  /** Milliseconds since 1970; `undefined`: no TLS. */
  certificateExpires?: number | undefined
}

export interface ConfiguredLimits {
  connections: number
  pendingBytes: number
  /** Of topics without a rule of their own. */
  retention: { maxAgeMs: number; maxEvents: number; maxBytes: number }
}

const PREFIX = 'mcp_sse_'

/** Every name, with its labels, is in docs/metrics.md: a test holds the two against each other. */
export function hubFamilies(observed: Observed): Family[] {
  const { version, hub } = observed
  const families = [
    gauge('build_info', 'Always 1.', { labels: { version }, value: 1 }),
    ...publishFamilies(hub),
    ...readerFamilies(hub),
    ...logFamilies(hub.log.stats, observed),
    ...limitFamilies(observed.limits),
    ...mcpFamilies(observed),
    ...webhookFamilies(observed),
    ...certificateFamilies(observed),
    counter(
      'http_errors_total',
      'HTTP requests that were refused or failed, by status and code of the answer.',
      ...counted(hub.metrics.httpErrors, 'status', 'code'),
    ),
    counter(
      'log_lines_dropped_total',
      'Lines of the hub’s own log that were lost, because nobody took them in time.',
      observed.lostLines,
    ),
    histogram(
      'event_loop_lag_seconds',
      'How much later than asked for the event loop came to a timer, a sample a second.',
      hub.metrics.loopLag,
    ),
  ]
  return families.map((family) => ({ ...family, name: PREFIX + family.name }))
}

function publishFamilies({ metrics, log }: Observed['hub']): Family[] {
  const { pressure } = log
  return [
    counter('events_published_total', 'Events that were stored.', metrics.publishedEvents),
    counter(
      'events_published_bytes_total',
      'Topic, type, id and data of the events that were stored.',
      metrics.publishedBytes,
    ),
    counter(
      'publish_refused_total',
      'Publish requests over HTTP that were refused, by error code.',
      ...counted(metrics.publishRefusals, 'code'),
    ),
    histogram(
      'publish_duration_seconds',
      'From the last byte of a publish request over HTTP to its answer, disk included, where it was taken.',
      metrics.publishing,
    ),
    gauge('pending_events', 'Events that were accepted and are not durable yet.', pressure.events),
    gauge('pending_bytes', 'The same in bytes.', pressure.bytes),
  ]
}

function readerFamilies(hub: Observed['hub']): Family[] {
  const { metrics } = hub
  const { connections, queuedBytes, catchingUp, audiences } = hub.gauges()
  return [
    gauge('connections', 'Streams and waits that are open.', ...by('kind', connections)),
    gauge('subscribed_filters', 'Different sets of patterns and types that are subscribed to.', audiences),
    gauge('queued_bytes', 'Events that wait for readers who have something in hand.', queuedBytes),
    gauge('readers_catching_up', 'Readers that read what was before, from memory or the log.', catchingUp),
    counter(
      'readers_fell_back_total',
      'Live readers that had to read again, since they took less than was published.',
      metrics.fellBack,
    ),
    counter('deliveries_total', 'Events that were handed to readers.', ...by('kind', metrics.delivered)),
    counter('delivered_bytes_total', 'Bytes written on streams of events (sse, ndjson).', metrics.deliveredBytes),
    histogram(
      'delivery_delay_seconds',
      'From the commit of an event until the stream of a live reader took it.',
      metrics.deliveryDelay.seconds,
    ),
    counter('replayed_events_total', 'Events that were read again.', ...by('source', metrics.replayedEvents)),
    counter('replay_pages_total', 'Pages of events that were read again.', ...by('source', metrics.replayedPages)),
    counter('gaps_total', 'Times a reader was told that events are missing.', ...counted(metrics.gaps, 'reason')),
    counter('streams_closed_total', 'Streams and waits that ended.', ...counted(metrics.closed, 'reason')),
    counter(
      'streams_refused_total',
      'Streams of events that were told to come back instead of being opened.',
      ...counted(metrics.streamRefusals, 'reason'),
    ),
  ]
}

function logFamilies(stats: LogStats, { now, files }: Pick<Observed, 'now' | 'files'>): Family[] {
  const { kept, trimmed, erased, oldestReceived, commits } = stats
  const removed = (amount: 'events' | 'bytes') => by('by', { retention: trimmed[amount], erasure: erased[amount] })
  const age = oldestReceived === undefined ? [] : [Math.max(0, now - oldestReceived) / 1000]
  return [
    histogram('commit_duration_seconds', 'From handing events to the log until they are durable.', commits),
    gauge('log_events', 'Events that are kept.', kept.events),
    gauge('log_bytes', 'What they count for retention; the file is larger, by about 40 bytes each.', kept.bytes),
    gauge(
      'log_file_bytes',
      'Files of the log on the disk; not there when it is in memory.',
      ...(files ? by('file', files) : []),
    ),
    gauge('log_oldest_age_seconds', 'Since the oldest kept event was received; not there when none is.', ...age),
    counter('log_removed_events_total', 'Events that are not kept any more.', ...removed('events')),
    counter('log_removed_bytes_total', 'The same in bytes.', ...removed('bytes')),
  ]
}

function limitFamilies({ connections, pendingBytes, retention }: ConfiguredLimits): Family[] {
  const { maxAgeMs, maxEvents, maxBytes } = retention
  return [
    gauge('limit_connections', 'What limits.connections allows.', connections),
    gauge('limit_pending_bytes', 'What limits.pending_bytes allows.', pendingBytes),
    gauge('retention_max_age_seconds', 'What retention.max_age keeps, of topics without a rule.', maxAgeMs / 1000),
    gauge('retention_max_events', 'The same of retention.max_events.', maxEvents),
    gauge('retention_max_bytes', 'The same of retention.max_bytes.', maxBytes),
  ]
}

function mcpFamilies({ hub, mcp }: Observed): Family[] {
  return [
    gauge('mcp_sessions', 'MCP sessions that are open.', mcp.sessions),
    gauge('mcp_streams', 'Streams of MCP messages that are open.', mcp.streams),
    counter('mcp_stream_bytes_total', 'Bytes written on streams of MCP messages.', hub.metrics.messageBytes),
    counter(
      'mcp_calls_total',
      'Calls of tools, whatever became of them.',
      ...counted(hub.metrics.mcpCalls, 'tool', 'version'),
    ),
  ]
}

function webhookFamilies({ hub, webhooks }: Observed): Family[] {
  const outlets = Object.entries(webhooks.outlets).flatMap(([kind, states]) =>
    Object.entries(states).map(([state, value]) => ({ labels: { kind, state }, value })),
  )
  return [
    gauge('webhooks', 'Webhook subscriptions and forwards.', ...outlets),
    gauge('webhook_waiting', 'Deliveries that were tried and are to be tried again.', webhooks.waiting),
    counter(
      'webhook_attempts_total',
      'Attempts to deliver an event: taken, or how it failed.',
      ...counted(hub.metrics.webhookAttempts, 'kind', 'result'),
    ),
  ]
}

function certificateFamilies({ certificateExpires }: Observed): Family[] {
  const seconds = certificateExpires === undefined ? [] : [certificateExpires / 1000]
  const what = 'When the certificate that new connections are shown ends, Unix time; not there without TLS.'
  return [gauge('tls_certificate_expiry_timestamp_seconds', what, ...seconds)]
}

function by(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }))
}

function counted(
  counts: Iterable<Readonly<{ labels: readonly string[]; count: number }>>,
  ...names: readonly string[]
): Sample[] {
  return [...counts].map(({ labels, count }) => ({
    labels: Object.fromEntries(names.map((name, index) => [name, labels[index] ?? ''])),
    value: count,
  }))
}
