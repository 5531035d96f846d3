import { setTimeout as delay } from 'node:timers/promises'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { plain } from '../display.ts'
import { CommandFailure } from '../failure.ts'
import { failureOfAnswer, type HubClient, retryAfterMs } from './hub-client.ts'
import { DEFAULT_URL } from './hub-url.ts'

/**
 * What a stream brings, in order. `json` is the event document as the hub wrote it. `cursor`: everything that matches up
 * to there has been brought; a position comes where that moved on without an event.
 */
export type StreamItem =
  | { kind: 'event'; json: string; cursor: string }
  | { kind: 'control'; name: string; json: string; cursor: string | undefined }
  | { kind: 'position'; cursor: string }
  | { kind: 'lost'; reason: string; waitMs: number }

const FIRST_RETRY_MS = 2000
const LONGEST_RETRY_MS = 30_000
/** Until `$open` tells how often the hub shows signs of life. */
const FIRST_QUIET_MS = 60_000
const LEAST_QUIET_MS = 5000
/** For the head of the answer: a hub sends it with `$open`, at once. */
const ANSWER_MS = 30_000
/** An event has at most 252 KiB of data; far above that it is not a hub that answers. */
const MAX_FRAME_CHARACTERS = 4 * 1024 * 1024

/** Answers that pass by themselves: a limit, a restart, a proxy whose hub is away. */
const TEMPORARY = new Set([429, 502, 503, 504])

/** What is known of the stream across its connections. */
interface Progress {
  lastEventId: string
  retryMs: number
  quietMs: number
  /** Connections in a row that brought nothing. */
  failures: number
  /** The hub's own word on when to come back, for the next time only. */
  closing: { reason: string; reconnect: boolean; retryMs: number | undefined } | undefined
  opened: boolean
  /** What the last `$error` said, fit for a terminal. */
  error: string
}

/**
 * The stream of `query`, for as long as `signal` allows: a lost connection is made again after a jittered wait that
 * doubles, and resumes by `Last-Event-ID`. Items come by the chunk they arrived in; the next chunk is not read before
 * the consumer asks, so that a slow one holds up the hub's queue and not our memory.
 * @throws CommandFailure when there is no hub to begin with, on a refusal, and when the hub says not to come back.
 */
export async function* follow(
  hub: HubClient,
  query: URLSearchParams,
  signal: AbortSignal,
): AsyncGenerator<readonly StreamItem[]> {
  const progress: Progress = {
    lastEventId: '',
    retryMs: FIRST_RETRY_MS,
    quietMs: FIRST_QUIET_MS,
    failures: 0,
    closing: undefined,
    opened: false,
    error: '',
  }
  while (!signal.aborted) {
    let waitMs: number | undefined
    let reason = 'the connection ended'
    progress.closing = undefined
    progress.error = ''
    try {
      const response = await connect(hub, query, progress, signal)
      if (response.ok) yield* read(response, progress, signal)
      else {
        waitMs = retryAfterMs(response)
        reason = reasonOf(await failureOfAnswer(response, hub))
      }
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof CommandFailure && !progress.opened) throw error
      if (error instanceof Refused) throw error.failure
      reason = reasonOf(error)
    }
    if (signal.aborted) return
    // Narrowed to undefined above; read() may have set it since.
    const closing = progress.closing as Progress['closing']
    if (closing) {
      reason = `the hub closed it: ${closing.reason}`
      if (!closing.reconnect)
        throw new CommandFailure(
          `The hub ended the stream: ${closing.reason}.${progress.error && ` ${progress.error}`}`,
          closing.reason.startsWith('credential-')
            ? `MCP_SSE_KEY=<another key> mcp-sse subscribe --url ${hub.url}`
            : 'mcp-sse subscribe --help',
        )
      waitMs = closing.retryMs
    }
    waitMs ??= backoff(progress)
    progress.failures++
    yield [{ kind: 'lost', reason, waitMs }]
    await delay(waitMs, undefined, { signal }).catch(() => {})
  }
}

/** Fit for brackets. Bun's own sentences about sockets end in advice for programmers; their code says as much. */
function reasonOf(error: unknown): string {
  // A DOMException (a timeout, an abort) has a number there.
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '')
}

/** A refusal that will not pass, also when it comes after a restart of the hub. */
class Refused extends Error {
  readonly failure: CommandFailure

  constructor(failure: CommandFailure) {
    super(failure.message)
    this.failure = failure
  }
}

async function connect(
  hub: HubClient,
  query: URLSearchParams,
  progress: Progress,
  signal: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = { accept: 'text/event-stream' }
  if (progress.lastEventId) headers['last-event-id'] = progress.lastEventId
  const response = await hub.send('/events', { query, headers, signal, answerMs: ANSWER_MS })
  if (!response.ok) {
    if (TEMPORARY.has(response.status) && (progress.opened || response.headers.has('retry-after'))) return response
    const failure = await failureOfAnswer(response, hub)
    throw progress.opened ? new Refused(failure) : failure
  }
  const type = response.headers.get('content-type')
  if (type?.startsWith('text/event-stream')) return response
  await response.body?.cancel()
  throw new CommandFailure(
    `${hub.url}/events answered with ${type}, not with a stream.`,
    `mcp-sse subscribe --url ${DEFAULT_URL}`,
  )
}

async function* read(
  response: Response,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<readonly StreamItem[]> {
  let items: StreamItem[] = []
  let told = progress.lastEventId
  const parser = createParser({
    maxBufferSize: MAX_FRAME_CHARACTERS,
    onId: (id) => {
      progress.lastEventId = id
    },
    onRetry: (ms) => {
      progress.retryMs = Math.min(ms, LONGEST_RETRY_MS)
    },
    onEvent: (message) => {
      const item = itemOf(message)
      if (item.kind === 'control') learn(item, progress)
      items.push(item)
      if (item.cursor !== undefined) told = item.cursor
    },
  })
  const decoder = new TextDecoder()
  const reader = response.body!.getReader()
  const stop = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', stop, { once: true })
  try {
    while (true) {
      const chunk = await readWithin(reader, progress.quietMs)
      if (chunk === undefined) return
      parser.feed(decoder.decode(chunk, { stream: true }))
      if (progress.lastEventId !== told) {
        told = progress.lastEventId
        items.push({ kind: 'position', cursor: told })
      }
      if (items.length === 0) continue
      const arrived = items
      items = []
      yield arrived
    }
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

/** The next chunk, `undefined` at the end. A host that vanished sends no end: only the missing heartbeat shows it. */
async function readWithin(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  ms: number,
): Promise<Uint8Array | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const quiet = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${Math.round(ms / 1000)} s`)), ms)
  })
  try {
    const { done, value } = await Promise.race([reader.read(), quiet])
    return done ? undefined : value
  } finally {
    clearTimeout(timer)
  }
}

function itemOf({ id, event, data }: EventSourceMessage): Exclude<StreamItem, { kind: 'lost' }> {
  if (event?.startsWith('$')) return { kind: 'control', name: event, json: data, cursor: id }
  return { kind: 'event', json: data, cursor: id ?? '' }
}

function learn({ name, json }: { name: string; json: string }, progress: Progress): void {
  if (name === '$open') {
    const { heartbeatMs } = parseControl(json)
    progress.opened = true
    progress.failures = 0
    if (typeof heartbeatMs === 'number' && heartbeatMs > 0) {
      progress.quietMs = Math.max(LEAST_QUIET_MS, heartbeatMs * 2.5)
    }
  } else if (name === '$error') {
    progress.error = plain(String(parseControl(json).message))
  } else if (name === '$closing') {
    const { reason, reconnect, retryMs } = parseControl(json)
    progress.closing = {
      reason: String(reason),
      reconnect: reconnect !== false,
      retryMs: typeof retryMs === 'number' && retryMs >= 0 ? Math.min(retryMs, 10 * LONGEST_RETRY_MS) : undefined,
    }
  }
}

/** The fields of a control event; none if it is not what it should be, which no stream is ended for. */
export function parseControl(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

/** Half to one and a half times the doubled wait: clients of one restart do not come back together. */
function backoff({ failures, retryMs }: Progress): number {
  const doubled = Math.min(LONGEST_RETRY_MS, Math.max(retryMs, 10) * 2 ** Math.min(failures, 10))
  return Math.round(doubled * (0.5 + Math.random()))
}
