import type { Id } from './message.ts'

/** Above any id a client counts or draws. */
const MAX_TOKEN_BYTES = 256

const [QUOTE, COMMA, COLON, OPEN_LIST, ESCAPE, CLOSE_LIST, OPEN, CLOSE] = [...'",:[\\]{}'].map((c) => c.charCodeAt(0))

/**
 * Finds the id of a JSON-RPC request whose text is too long to be kept: bytes go through, one token stays. The id comes
 * after the params with most clients, so the beginning of the text is not enough.
 */
export class RequestId {
  #depth = 0
  #inString = false
  #escaped = false
  #expects: 'key' | 'value' | 'nothing' = 'nothing'
  #key = ''
  #token: number[] = []
  #id: Id | undefined
  #hasMethod = false

  /** `undefined` for an answer, a notification, a batch, and what is no JSON-RPC. */
  get found(): Id | undefined {
    return this.#hasMethod ? this.#id : undefined
  }

  feed(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.#inString) this.#inText(byte)
      else this.#between(byte)
    }
  }

  #inText(byte: number): void {
    this.#keep(byte)
    if (this.#escaped) this.#escaped = false
    else if (byte === ESCAPE) this.#escaped = true
    else if (byte === QUOTE) this.#inString = false
  }

  #between(byte: number): void {
    if (byte === QUOTE) this.#inString = true
    if (this.#depth === 1) {
      if (byte === COLON && this.#expects === 'key') {
        this.#key = String(this.#taken())
        this.#expects = 'value'
        return
      }
      if (byte === COMMA || byte === CLOSE) {
        this.#valueEnds()
        this.#expects = byte === COMMA ? 'key' : 'nothing'
      } else this.#keep(byte)
    }
    if (byte === OPEN || byte === OPEN_LIST) {
      if (this.#depth === 0 && byte === OPEN) this.#expects = 'key'
      this.#depth++
    } else if (byte === CLOSE || byte === CLOSE_LIST) this.#depth--
  }

  #keep(byte: number): void {
    if (this.#depth === 1 && this.#expects !== 'nothing' && this.#token.length <= MAX_TOKEN_BYTES) {
      this.#token.push(byte)
    }
  }

  #valueEnds(): void {
    const value = this.#taken()
    if (this.#expects !== 'value') return
    if (this.#key === 'method') this.#hasMethod = typeof value === 'string'
    if (this.#key === 'id') this.#id = typeof value === 'string' || typeof value === 'number' ? value : undefined
  }

  #taken(): unknown {
    const bytes = this.#token
    this.#token = []
    if (bytes.length > MAX_TOKEN_BYTES) return undefined
    try {
      return JSON.parse(new TextDecoder().decode(new Uint8Array(bytes)))
    } catch {
      // An object or list, of which only the brackets were kept: neither a key nor an id.
      return undefined
    }
  }
}
