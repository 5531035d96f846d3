import { aiSdkClient } from './mcp-ai-sdk-client.ts'
import type { McpClient } from './mcp-client.ts'
import { inspectorClient } from './mcp-inspector.ts'
import { PYTHON_CLIENTS } from './mcp-python.ts'
import { pythonClient } from './mcp-python-client.ts'
import { sdkV1Client, sdkV2Client } from './mcp-sdk-client.ts'

/** Something a client has no call for: why, and what it says when it is tried all the same. */
export interface Inability {
  why: string
  says: RegExp
}

/** One client in one of its modes. */
export interface McpKind {
  name: string
  path: '/mcp' | '/sse'
  /** What it agrees on with this server. */
  version: string
  connect: (url: URL, key?: string) => Promise<McpClient>
}

/** The same, and where it differs from the others. */
export interface KnownMcpKind extends McpKind {
  cannot?: { complete?: Inability; subscribe?: Inability }
  /** Absent where every call is a process and a connection of its own. */
  afterRestart?: AfterRestart
  /** It does what another one does, once they have agreed on a version. */
  brief?: true
}

/** What a client does by itself when its server was stopped (SIGTERM) or killed and is there again. */
export interface AfterRestart {
  /** How a call that was waiting fails. */
  waiting: Record<RestartSignal, RegExp | typeof WAITS_ON>
  /** What becomes of the next call, at once or, where it says so, when the client has connected again. */
  call: 'goes on' | 'goes on in the end' | RegExp
  /** How a subscription says that it ended; absent where its client never says. */
  subscription?: Record<RestartSignal, string | RegExp>
}

/** Some clients look for the answer to a lost call in the session that is gone, and do not take that for an answer. */
export const WAITS_ON = 'waits on until its own time-out'

export type RestartSignal = 'SIGTERM' | 'SIGKILL'

export function connect(kind: McpKind, server: { url: string }, key?: string): Promise<McpClient> {
  return kind.connect(new URL(kind.path, server.url), key)
}

const STATELESS = '2026-07-28'
const NEWEST_OF_SESSIONS = '2025-11-25'

const AI_SDK_CANNOT: KnownMcpKind['cannot'] = {
  subscribe: { why: 'its client has no call for it', says: /no call to subscribe/ },
}
const INSPECTOR_CANNOT: KnownMcpKind['cannot'] = {
  complete: { why: '--cli has no method for it', says: /Unsupported method: prompts\/complete/ },
  subscribe: { why: '--cli has no method for it', says: /Unsupported method: resources\/subscribe/ },
}
/** The result that was written for who waits: with the place to go on from. */
const STOPPING = /server is stopping.* Go on with since \S+ Wait \d+ s before/
const STATELESS_GOES_ON: AfterRestart = {
  // Its answer is a stream by then, and its client takes one that breaks off for one that may go on.
  waiting: { SIGTERM: STOPPING, SIGKILL: WAITS_ON },
  call: 'goes on',
  subscription: { SIGTERM: 'graceful', SIGKILL: 'remote' },
}
const PYTHON_STATELESS_GOES_ON: AfterRestart = {
  waiting: { SIGTERM: STOPPING, SIGKILL: /SSE stream ended without a response/ },
  call: 'goes on',
  subscription: { SIGTERM: 'graceful', SIGKILL: /SubscriptionLost/ },
}
/** The session is gone, and the client says so in the words of the server; none begins a new one by itself. */
const SESSION_IS_OVER: AfterRestart = {
  waiting: { SIGTERM: STOPPING, SIGKILL: WAITS_ON },
  call: /session is not known/,
}
const PINNED = { mode: { pin: STATELESS } }
const V1 = { release: PYTHON_CLIENTS.v1 }
const V2 = { release: PYTHON_CLIENTS.v2 }

/** Clients that nobody wrote for this server, in every mode they offer. */
export const MCP_KINDS: readonly KnownMcpKind[] = [
  {
    name: 'TypeScript SDK 1.x over Streamable HTTP',
    path: '/mcp',
    version: NEWEST_OF_SESSIONS,
    connect: sdkV1Client,
    afterRestart: SESSION_IS_OVER,
  },
  {
    name: 'TypeScript SDK 1.x over HTTP+SSE',
    path: '/sse',
    version: NEWEST_OF_SESSIONS,
    connect: sdkV1Client,
    afterRestart: {
      waiting: SESSION_IS_OVER.waiting,
      // Its EventSource connects again, and what it finds there is a new session; its subscriptions are gone.
      call: 'goes on in the end',
    },
  },
  {
    name: 'TypeScript SDK 2.x, auto',
    path: '/mcp',
    version: STATELESS,
    connect: sdkV2Client.bind(undefined, { mode: 'auto' }),
    afterRestart: STATELESS_GOES_ON,
  },
  {
    name: 'TypeScript SDK 2.x, legacy',
    path: '/mcp',
    version: NEWEST_OF_SESSIONS,
    connect: sdkV2Client.bind(undefined, { mode: 'legacy' }),
    afterRestart: SESSION_IS_OVER,
  },
  {
    name: 'TypeScript SDK 2.x, pinned',
    path: '/mcp',
    version: STATELESS,
    connect: sdkV2Client.bind(undefined, PINNED),
    afterRestart: STATELESS_GOES_ON,
  },
  {
    name: 'Inspector --cli, legacy',
    path: '/mcp',
    version: NEWEST_OF_SESSIONS,
    connect: inspectorClient.bind(undefined, 'legacy'),
    cannot: INSPECTOR_CANNOT,
  },
  {
    name: 'Inspector --cli, auto',
    path: '/mcp',
    version: STATELESS,
    connect: inspectorClient.bind(undefined, 'auto'),
    cannot: INSPECTOR_CANNOT,
  },
  {
    name: 'Inspector --cli, modern',
    path: '/mcp',
    version: STATELESS,
    connect: inspectorClient.bind(undefined, 'modern'),
    cannot: INSPECTOR_CANNOT,
    brief: true,
  },
  {
    name: 'Inspector --cli over HTTP+SSE',
    path: '/sse',
    version: NEWEST_OF_SESSIONS,
    connect: inspectorClient.bind(undefined, 'legacy'),
    cannot: INSPECTOR_CANNOT,
  },
  {
    name: 'AI SDK',
    path: '/mcp',
    version: STATELESS,
    connect: aiSdkClient.bind(undefined, { discovery: true }),
    afterRestart: { waiting: { SIGTERM: STOPPING, SIGKILL: WAITS_ON }, call: 'goes on' },
    cannot: AI_SDK_CANNOT,
  },
  {
    name: 'AI SDK without discovery',
    path: '/mcp',
    version: NEWEST_OF_SESSIONS,
    connect: aiSdkClient.bind(undefined, { discovery: false }),
    afterRestart: {
      waiting: SESSION_IS_OVER.waiting,
      // It forgets a session that its GET stream was told is gone, and then asks without one.
      call: /session expired|Mcp-Session-Id is missing/,
    },
    cannot: AI_SDK_CANNOT,
  },
  {
    name: 'AI SDK over HTTP+SSE',
    path: '/sse',
    version: NEWEST_OF_SESSIONS,
    connect: aiSdkClient.bind(undefined, { discovery: false }),
    afterRestart: { waiting: SESSION_IS_OVER.waiting, call: /Not connected|session is not known/ },
    cannot: AI_SDK_CANNOT,
  },
  {
    name: 'Python SDK 2.x, auto',
    path: '/mcp',
    version: STATELESS,
    connect: pythonClient.bind(undefined, { ...V2, mode: 'auto' }),
    afterRestart: PYTHON_STATELESS_GOES_ON,
  },
  {
    name: 'Python SDK 2.x, pinned',
    path: '/mcp',
    version: STATELESS,
    connect: pythonClient.bind(undefined, { ...V2, mode: STATELESS }),
    brief: true,
    afterRestart: PYTHON_STATELESS_GOES_ON,
  },
  {
    name: 'Python SDK 2.x, legacy',
    path: '/mcp',
    version: NEWEST_OF_SESSIONS,
    connect: pythonClient.bind(undefined, V2),
    afterRestart: {
      ...SESSION_IS_OVER,
      waiting: { SIGTERM: STOPPING, SIGKILL: /reconnection attempts were exhausted/ },
    },
  },
  {
    name: 'Python SDK 2.x over HTTP+SSE',
    path: '/sse',
    version: NEWEST_OF_SESSIONS,
    connect: pythonClient.bind(undefined, V2),
    afterRestart: { waiting: { SIGTERM: STOPPING, SIGKILL: /Connection closed/ }, call: /Connection closed/ },
  },
  {
    name: 'Python SDK 1.x over Streamable HTTP',
    path: '/mcp',
    version: NEWEST_OF_SESSIONS,
    connect: pythonClient.bind(undefined, V1),
    afterRestart: { ...SESSION_IS_OVER, call: /Session terminated/ },
  },
  {
    name: 'Python SDK 1.x over HTTP+SSE',
    path: '/sse',
    version: NEWEST_OF_SESSIONS,
    connect: pythonClient.bind(undefined, V1),
    afterRestart: { waiting: { SIGTERM: STOPPING, SIGKILL: /Connection closed/ }, call: /ClosedResourceError/ },
  },
]

/** Every version of the protocol, spoken by one client that is told to know no other. */
export const MCP_VERSIONS: readonly McpKind[] = [
  ...['2024-11-05', '2025-03-26', '2025-06-18', NEWEST_OF_SESSIONS].map((only) => ({
    name: only,
    path: only === '2024-11-05' ? ('/sse' as const) : ('/mcp' as const),
    version: only,
    connect: sdkV2Client.bind(undefined, { mode: 'legacy' as const, only }),
  })),
  { name: STATELESS, path: '/mcp', version: STATELESS, connect: sdkV2Client.bind(undefined, PINNED) },
]
