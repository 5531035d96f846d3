import { CommandFailure } from './failure.ts'

/** UTF-8 in chunks, that can say in which line there is something else. */
export class LineDecoder {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  /** The beginning of a character that the last chunk ended in. */
  #begun: Uint8Array = new Uint8Array(0)

  /** @param before complete lines before the chunk; `undefined` for the end. @throws CommandFailure */
  decode(chunk: Uint8Array | undefined, before: number): string {
    try {
      const text = chunk ? this.#decoder.decode(chunk, { stream: true }) : this.#decoder.decode()
      if (chunk) this.#begun = begunCharacter(this.#begun, chunk)
      return text
    } catch (error) {
      if (!isNotUtf8(error)) throw error
      const line = before + lineOfFault(Buffer.concat([this.#begun, chunk ?? new Uint8Array(0)]))
      throw notUtf8(` in line ${line}`, error)
    }
  }
}

const LINE_FEED = 0x0a
const LONGEST_CHARACTER = 4

/** What is left of valid UTF-8 after its last whole character. */
function begunCharacter(begun: Uint8Array, chunk: Uint8Array): Uint8Array {
  const end = Buffer.concat([begun, chunk.subarray(Math.max(0, chunk.length - LONGEST_CHARACTER))])
  for (let length = 1; length < LONGEST_CHARACTER && length <= end.length; length++) {
    const byte = end[end.length - length]!
    if (byte < 0x80) break
    if (byte < 0xc0) continue
    const whole = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    return length < whole ? end.subarray(end.length - length) : new Uint8Array(0)
  }
  return new Uint8Array(0)
}

/** From 1, of bytes in which there is one; the last line may end in a character that is not complete. */
function lineOfFault(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let [line, start] = [1, 0]
  for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
    try {
      decoder.decode(bytes.subarray(start, end))
    } catch {
      return line
    }
    line++
    start = end + 1
  }
  return line
}

// Not every TypeError: what reads the stream may throw one as well.
export function isNotUtf8(error: unknown): boolean {
  return error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
}

export function notUtf8(place: string, cause: unknown): CommandFailure {
  return new CommandFailure(
    `stdin is not UTF-8 text${place}.`,
    'base64 < file | mcp-sse publish TOPIC -',
    undefined,
    cause,
  )
}
