import { type ErrorCode, HubError } from '../core/errors.ts'
import type { Holding } from './byte-room.ts'
import type { MediaType } from './media-type.ts'

export const MAX_BODY_BYTES = 8 * 1024 * 1024

export interface BodyLimit {
  bytes: number
  /** The code and sentence of the refusal above it. */
  code: ErrorCode
  message: string
}

export const batchLimit: BodyLimit = {
  bytes: MAX_BODY_BYTES,
  code: 'body-too-large',
  message: `A request has at most ${MAX_BODY_BYTES} bytes; split it into several.`,
}

/** From the start of reading to the last byte, in milliseconds. */
export const BODY_TIMEOUT_MS = 30_000

/**
 * Up to this declared size a body is taken in one piece, which is faster; larger ones hold room only for what has arrived,
 * so that declaring costs others nothing.
 */
const ONE_PIECE_BYTES = 4 * 1024
/** For the first piece of a larger one, or of one that does not say how large it is. */
const FIRST_ROOM_BYTES = 1024

export interface BodyReading {
  limit: BodyLimit
  media: MediaType
  timeoutMs: number
  /** What this body holds of the room for all of them; nothing yet. */
  holding: Holding
  /** Asked before so many bytes more are held. @throws HubError `overloaded` */
  admit?(bytes: number): void
}

export interface Body {
  /** Without a byte order mark. */
  text: string
  /** Gives the room back, when what was made of the text counts elsewhere. May be called twice. */
  release(): void
}

/**
 * A whole request body: bounded by itself, bounded together with all others, and not for ever.
 * @throws HubError `limit.code`, `body-too-slow`, `overloaded`, `unsupported-encoding`, `invalid-body`
 */
export async function readBody(request: Request, reading: BodyReading): Promise<Body> {
  requireIdentity(request)
  const decoder = decoderFor(reading.media.charset)
  const { holding } = reading
  try {
    const bytes = await readBytes(request, reading)
    return { text: decode(decoder, bytes), release: () => holding.release() }
  } catch (error) {
    holding.release()
    if (error instanceof HubError) throw error
    throw new HubError('invalid-body', 'The body ended before it was complete; send it again.', { cause: error })
  }
}

async function readBytes(request: Request, reading: BodyReading): Promise<Uint8Array> {
  const { limit, timeoutMs, holding } = reading
  const declared = declaredBytes(request)
  if (declared !== undefined && declared > limit.bytes) throw new HubError(limit.code, limit.message)
  const inOnePiece = declared !== undefined && declared <= ONE_PIECE_BYTES
  reading.admit?.(declared ?? 0)
  holding.resize(declared ?? 0)
  if (!inOnePiece) holding.resize(0)
  if (request.body === null) return new Uint8Array()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooSlow(timeoutMs)), timeoutMs)
  })
  try {
    if (inOnePiece) return await Promise.race([request.bytes(), late])
    return await readPieces(request.body, reading, late)
  } finally {
    clearTimeout(timer)
  }
}

async function readPieces(
  body: ReadableStream<Uint8Array>,
  { limit, holding, admit }: BodyReading,
  late: Promise<never>,
): Promise<Uint8Array> {
  const reader = body.getReader()
  let arrived = new Uint8Array(FIRST_ROOM_BYTES)
  let bytes = 0
  let over = false
  const whole = async (): Promise<Uint8Array> => {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || over) return arrived.subarray(0, bytes)
      const before = bytes
      bytes += value.byteLength
      if (bytes > limit.bytes) throw new HubError(limit.code, limit.message)
      admit?.(value.byteLength)
      holding.resize(bytes)
      if (bytes > arrived.byteLength) arrived = enlarged(arrived.subarray(0, before), bytes, limit.bytes)
      arrived.set(value, before)
    }
  }
  try {
    // One race for all pieces: each of its own would stay with `late` until the body is done.
    return await Promise.race([whole(), late])
  } catch (error) {
    over = true
    // Not awaited: a client that sends nothing more would hold up the refusal. Its own error says nothing new.
    reader.cancel().catch(() => {})
    throw error
  }
}

/** What arrives byte by byte is kept together: as pieces it weighed two hundred times what is counted (measured). */
function enlarged(arrived: Uint8Array, bytes: number, most: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(bytes, Math.min(arrived.byteLength * 2, most)))
  larger.set(arrived)
  return larger
}

function tooSlow(timeoutMs: number): HubError {
  return new HubError('body-too-slow', `A body is to be complete within ${timeoutMs / 1000} s; send less at a time.`)
}

function decode(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    throw new HubError(
      'invalid-body',
      `The body is not ${decoder.encoding.toUpperCase()} text; send binary data as base64.`,
      {
        cause: error,
      },
    )
  }
}

/** The declared length, or `undefined` when the body is sent in chunks. */
function declaredBytes(request: Request): number | undefined {
  const header = request.headers.get('content-length')
  return header === null ? undefined : Number(header)
}

function requireIdentity(request: Request): void {
  const encoding = request.headers.get('content-encoding')
  if (encoding === null || encoding.trim().toLowerCase() === 'identity') return
  throw new HubError('unsupported-encoding', 'Compressed bodies are not taken; send it without Content-Encoding.')
}

function decoderFor(charset: string | undefined): TextDecoder {
  try {
    return new TextDecoder(charset ?? 'utf-8', { fatal: true })
  } catch (error) {
    throw new HubError('unsupported-encoding', 'This charset is not known here; send the body as UTF-8.', {
      cause: error,
    })
  }
}
