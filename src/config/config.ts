import { resolve } from 'node:path'
import type { Settings } from './schema.ts'

export interface TopicRetention {
  pattern: string
  /** What is undefined is as in the retention of all topics. */
  maxAgeMs: number | undefined
  maxEvents: number | undefined
  maxBytes: number | undefined
}

export interface ConfiguredKey {
  name: string
  /** 64 lower case hexadecimal digits. */
  sha256: string
  publish: readonly string[]
  subscribe: readonly string[]
  admin: boolean
  /** May read `/metrics`. */
  metrics: boolean
  /** Milliseconds since 1970; `undefined`: never. */
  expires: number | undefined
}

export interface ConfiguredEventType {
  name: string
  description: string
  /** A pattern. */
  topic: string
  /** A type or a prefix such as `order.*`; `undefined`: every type. */
  type: string | undefined
  /** Of type object; whether the rest is a JSON Schema is not looked at here. */
  payloadSchema: Readonly<Record<string, unknown>>
  /** RFC 6901 pointers into `data`, by argument. */
  filters: Readonly<Record<string, string>>
}

export interface ConfiguredForward {
  /** No name twice. */
  name: string
  /** Patterns, at least one. */
  topics: readonly string[]
  /** Types and prefixes such as `order.*`; none: every type. */
  types: readonly string[]
  /** http or https; whether it may be sent to is not looked at here. */
  url: string
  /** Names in lower case; none of those the hub writes itself. */
  headers: Readonly<Record<string, string>>
  /** A template, not looked at here; `undefined`: the event as JSON. */
  body: string | undefined
  /** `whsec_…`, 24 to 64 bytes. */
  secret: string | undefined
  bearer: string | undefined
  /** http and addresses that are not public are fine for this URL. */
  private: boolean
  /** POSTs under way at most; with one they come in order. */
  atOnce: number
}

export interface AuthConfig {
  open: boolean
  key: string | undefined
  /** A start without credentials makes one, which then counts besides others. */
  makeKey: boolean
  keys: readonly ConfiguredKey[]
  anonymous: { publish: readonly string[]; subscribe: readonly string[] }
  jwt: {
    secrets: readonly string[]
    /** An absolute path, or a URL. */
    jwks: string | undefined
    issuer: string | undefined
    audience: string | undefined
    claim: string
    cookie: string | undefined
  }
}

/** Whether anything tells one caller from another. */
export function hasCredentials(auth: AuthConfig): boolean {
  return auth.makeKey || namesCredentials(auth)
}

/** The name of the key that a hub makes for itself. */
export const FIRST_KEY = 'first-key'

/** Whether that key is the only credential, and so has to be there. */
export function needsFirstKey(auth: AuthConfig): boolean {
  return auth.makeKey && !namesCredentials(auth)
}

function namesCredentials({ key, keys, jwt }: AuthConfig): boolean {
  return key !== undefined || keys.length > 0 || jwt.secrets.length > 0 || jwt.jwks !== undefined
}

/** PEM files, absolute. */
export interface TlsFiles {
  cert: string
  key: string
}

/** The checked configuration. Durations are milliseconds, sizes bytes, paths absolute. */
export interface Config {
  /** 0: the system chooses. */
  port: number
  /** Without brackets, at least one, none twice. */
  hosts: readonly string[]
  /** `undefined`: it speaks plain http. */
  tls: TlsFiles | undefined
  /** `undefined` when not set, which is not the same as a list. `['*']` for all. */
  corsOrigins: readonly string[] | undefined
  dataDir: string
  /** `https://events.example` */
  publicUrl: string | undefined
  /** Names in lower case, with or without a port. */
  allowedHosts: readonly string[]
  logLevel: Settings['log_level']
  logFormat: Settings['log_format']
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
  /** No name twice. */
  eventTypes: readonly ConfiguredEventType[]
  forwards: readonly ConfiguredForward[]
  auth: AuthConfig
  limits: {
    connections: number
    connectionsPerPrincipal: number
    mcpSessions: number
    mcpSessionsPerPrincipal: number
    connectionsPerAddress: number
    /** Events a second. */
    publishRate: number
    /** CIDR ranges and addresses. */
    trustedProxies: readonly string[]
    pendingBytes: number
    webhooks: number
    webhooksPerPrincipal: number
  }
  mcp: { sessionIdleMs: number; events: Settings['mcp']['events'] }
  webhooks: {
    allowLoopback: boolean
    /** Host names in lower case. */
    eventsOnly: readonly string[]
  }
  drain: { delayMs: number; timeoutMs: number }
}

/** What a machine decides when no source does. */
export interface MachineDefaults {
  dataDir: string
  connections: number
}

/** @param forwards those of `settings`, with what their files hold */
export function configFrom(
  settings: Settings,
  forwards: readonly ConfiguredForward[],
  machine: MachineDefaults,
  cwd: string,
): Config {
  const { retention, stream, limits, mcp, webhooks, drain } = settings
  return {
    port: settings.port,
    hosts: settings.host,
    tls: tlsFiles(settings.tls, cwd),
    corsOrigins: settings.cors_origin,
    publicUrl: settings.public_url,
    allowedHosts: settings.allowed_hosts ?? [],
    dataDir: resolve(cwd, settings.data_dir ?? machine.dataDir),
    logLevel: settings.log_level,
    logFormat: settings.log_format,
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
    eventTypes: settings.event_types.map((type) => ({
      name: type.name,
      description: type.description,
      topic: type.topic,
      type: type.type,
      payloadSchema: type.payload_schema,
      filters: type.filters ?? {},
    })),
    forwards,
    auth: authFrom(settings.auth, cwd),
    limits: {
      connections: limits.connections ?? machine.connections,
      connectionsPerPrincipal: limits.connections_per_principal,
      mcpSessions: limits.mcp_sessions,
      mcpSessionsPerPrincipal: limits.mcp_sessions_per_principal,
      connectionsPerAddress: limits.connections_per_address,
      publishRate: limits.publish_rate,
      trustedProxies: limits.trusted_proxies,
      pendingBytes: limits.pending_bytes,
      webhooks: limits.webhooks,
      webhooksPerPrincipal: limits.webhooks_per_principal,
    },
    mcp: { sessionIdleMs: mcp.session_idle, events: mcp.events },
    webhooks: { allowLoopback: webhooks.allow_loopback, eventsOnly: webhooks.events_only },
    drain: { delayMs: drain.delay, timeoutMs: drain.timeout },
  }
}

/** One without the other is said to be impossible elsewhere. */
function tlsFiles({ cert, key }: Settings['tls'], cwd: string): TlsFiles | undefined {
  return cert === undefined || key === undefined ? undefined : { cert: resolve(cwd, cert), key: resolve(cwd, key) }
}

function authFrom({ open, key, make_key: makeKey, keys, anonymous, jwt }: Settings['auth'], cwd: string): AuthConfig {
  const isUrl = jwt.jwks !== undefined && /^https?:\/\//i.test(jwt.jwks)
  return {
    open,
    key,
    makeKey,
    keys: keys.map((one) => ({
      name: one.name,
      sha256: one.sha256,
      publish: one.publish ?? [],
      subscribe: one.subscribe ?? [],
      admin: one.admin ?? false,
      metrics: one.metrics ?? false,
      expires: one.expires,
    })),
    anonymous: { publish: anonymous.publish ?? [], subscribe: anonymous.subscribe ?? [] },
    jwt: {
      secrets: jwt.secret ?? [],
      jwks: jwt.jwks === undefined || isUrl ? jwt.jwks : resolve(cwd, jwt.jwks),
      issuer: jwt.issuer,
      audience: jwt.audience,
      claim: jwt.claim,
      cookie: jwt.cookie,
    },
  }
}
