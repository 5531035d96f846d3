import { createParser } from 'eventsource-parser'
import { BridgeFailure } from './bridge-failure.ts'
import { parseMessage } from './message.ts'

/** Far above what a hub answers with: a result of its tools stays below 1 MiB. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024

/** A hub sends a sign of life every 15 s if not told otherwise; a host that vanished sends no end. */
const QUIET_MS = 5 * 60_000

/** Where a stream stands, across its connections. */
export interface StreamPlace {
  /** '' when the hub gave none: the stream cannot be resumed. */
  lastEventId: string
  retryMs: number
}

export const DEFAULT_RETRY_MS = 1000
const LONGEST_RETRY_MS = 30_000
/** Waits double from here on: from 0 they would not. */
const LEAST_RETRY_MS = 10

/**
 * The JSON texts of an answer, JSON or a stream, in order. The next piece is not read before the consumer asks.
 * @throws BridgeFailure for what is no answer to MCP; whatever a socket fails with
 */
export async function* hubMessages(
  response: Response,
  place: StreamPlace,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const type = contentType(response)
  if (type === 'text/event-stream') yield* streamed(response, place, signal)
  else if (type === 'application/json') {
    const text = await boundedText(response, MAX_MESSAGE_BYTES)
    if (typeof parseMessage(text) === 'number') throw notOfAHub(response, 'JSON that is no JSON-RPC')
    yield text
  } else {
    await response.body?.cancel()
    throw notOfAHub(response, type ?? 'nothing')
  }
}

/** That something else than the MCP of a hub listens where the bridge was sent. */
export function notOfAHub({ url, status }: Response, what: string): BridgeFailure {
  return new BridgeFailure(
    'answer',
    `No MCP hub answers at ${url}: ${status} with ${what}, which is not the answer of a hub. Check MCP_SSE_URL (or --url).`,
  )
}

function contentType({ headers }: Response): string | undefined {
  return headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
}

/** At most `maxBytes` of a body. @throws BridgeFailure for more */
export async function boundedText(response: Response, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

async function* streamed(response: Response, place: StreamPlace, signal: AbortSignal): AsyncGenerator<string> {
  let arrived: string[] = []
  const parser = createParser({
    maxBufferSize: MAX_MESSAGE_BYTES,
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded') throw tooLarge(MAX_MESSAGE_BYTES)
    },
    onId: (id) => {
      place.lastEventId = id
    },
    onRetry: (ms) => {
      place.retryMs = Math.min(Math.max(ms, LEAST_RETRY_MS), LONGEST_RETRY_MS)
    },
    onEvent: ({ event = 'message', data }) => {
      // An event without data only brings an id (2025-11-25, transports, "Listening for Messages").
      if (event === 'message' && data !== '') arrived.push(data)
    },
  })
  const decoder = new TextDecoder()
  const reader = response.body!.getReader()
  const stop = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', stop, { once: true })
  try {
    for (;;) {
      const { done, value } = await readWithin(reader, QUIET_MS)
      if (done) return
      parser.feed(decoder.decode(value, { stream: true }))
      const texts = arrived
      arrived = []
      yield* texts
    }
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

async function readWithin(reader: ReadableStreamDefaultReader<Uint8Array>, ms: number) {
  let timer: ReturnType<typeof setTimeout> | undefined
  const quiet = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${Math.round(ms / 1000)} s`)), ms)
  })
  try {
    return await Promise.race([reader.read(), quiet])
  } finally {
    clearTimeout(timer)
  }
}

function tooLarge(maxBytes: number): BridgeFailure {
  return new BridgeFailure('answer size', `The hub's answer is longer than ${maxBytes} bytes; ask for less at a time.`)
}
