import type { Config } from '../../config/config.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { Pressure } from '../../core/event-log.ts'
import type { HubLimits } from '../../core/hub.ts'
import type { McpEventsOptions } from '../../mcp/events/events.ts'
import type { McpLimits } from '../../mcp/parts.ts'
import type { AddressRule } from '../../webhooks/outbound/outcome.ts'
import type { WebhookLimits } from '../../webhooks/subscription/quota.ts'

/** Recent events in memory, for the reconnects after a restart and for readers that a burst threw back. */
const TAIL_BYTES = 16 * 1024 * 1024
const PENDING_EVENTS = 10_000

type Read = Pick<LoadedConfig, 'config' | 'entries'>

/** Each is read by a part of the hub whenever it counts. */
interface Shared {
  hub: HubLimits
  pending: Pressure
  mcp: McpLimits
  mcpErrors: McpEventsOptions['errors']
  webhooks: WebhookLimits
  callbacks: AddressRule
}

/**
 * What a running hub goes by. Its parts hold these very objects and read them whenever they need to, so what a reload puts
 * into them counts from then on, and a hot path reads a field as it did before.
 */
export class LiveSettings implements Readonly<Shared> {
  readonly hub: HubLimits
  readonly pending: Pressure
  readonly mcp: McpLimits
  readonly mcpErrors: McpEventsOptions['errors']
  readonly webhooks: WebhookLimits
  readonly callbacks: AddressRule
  readonly eventsOnly: Set<string>
  #read: Read

  constructor(read: Read) {
    this.#read = read
    const { hub, pending, mcp, mcpErrors, webhooks, callbacks } = sharedOf(read.config)
    this.hub = hub
    this.pending = pending
    this.mcp = mcp
    this.mcpErrors = mcpErrors
    this.webhooks = webhooks
    this.callbacks = callbacks
    this.eventsOnly = new Set(read.config.webhooks.eventsOnly)
  }

  /** What counts now: a key that needs a restart is as it was at the start. */
  get read(): Read {
    return this.#read
  }

  get config(): Config {
    return this.#read.config
  }

  /** All of it in one turn. Does not throw. */
  replace({ config, entries }: Read): void {
    this.#read = { config: asRunning(config, this.config), entries }
    for (const [name, values] of Object.entries(sharedOf(this.config)))
      Object.assign(this[name as keyof Shared], values)
    this.eventsOnly.clear()
    for (const host of config.webhooks.eventsOnly) this.eventsOnly.add(host)
  }
}

/** `next`, but for what only a start takes over. */
function asRunning(next: Config, { port, hosts, dataDir, durability, eventTypes, retention, auth }: Config): Config {
  return {
    ...next,
    port,
    hosts,
    dataDir,
    durability,
    eventTypes,
    retention: { ...next.retention, topics: retention.topics },
    auth: { ...next.auth, open: auth.open },
  }
}

function sharedOf({ stream, limits, mcp, webhooks }: Config): Shared {
  return {
    hub: { ...stream, ...limits, pendingEvents: PENDING_EVENTS, tailBytes: TAIL_BYTES },
    pending: { events: PENDING_EVENTS, bytes: limits.pendingBytes },
    mcp: {
      ...stream,
      sessions: limits.mcpSessions,
      sessionsPerPrincipal: limits.mcpSessionsPerPrincipal,
      sessionIdleMs: mcp.sessionIdleMs,
    },
    mcpErrors: { profile: mcp.events.profile },
    webhooks: { webhooks: limits.webhooks, webhooksPerPrincipal: limits.webhooksPerPrincipal },
    callbacks: { loopback: webhooks.allowLoopback, private: false },
  }
}
