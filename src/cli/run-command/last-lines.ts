import { withoutSecret } from '../redacted-output.ts'

const MAX_LINES = 20
const MAX_BYTES = 8 * 1024

/** Control characters but the tab, and what turns the direction of text: lines are shown to people and to models. */
const STEERING = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** The newest lines of several outputs together, in the order in which they ended, without `secret`. */
export class LastLines {
  #lines: string[] = []
  readonly #open: OpenLine[] = []
  readonly #secret: string | undefined

  constructor(secret?: string) {
    this.#secret = secret
  }

  /** What takes the bytes of one more output. */
  output(): (bytes: Uint8Array) => void {
    const line: OpenLine = { text: '', decoder: new TextDecoder() }
    this.#open.push(line)
    return (bytes) => this.#take(line, line.decoder.decode(bytes, { stream: true }))
  }

  /** At most 20 lines and 8 KiB of UTF-8, the newest; those that did not end yet are last. */
  get lines(): string[] {
    const unended = this.#open.map(({ text }) => this.#shown(text)).filter((text) => text !== '')
    const kept: string[] = []
    let left = MAX_BYTES
    for (const line of [...this.#lines, ...unended].slice(-MAX_LINES).reverse()) {
      const bytes = Buffer.byteLength(line)
      if (bytes > left) {
        // The end of a line that is too long by itself says more than nothing.
        if (kept.length === 0) kept.push(tail(line, left))
        break
      }
      left -= bytes
      kept.push(line)
    }
    return kept.reverse()
  }

  #take(line: OpenLine, text: string): void {
    // Before anything is cut: half of a secret is none that could be found.
    const parts = withoutSecret(line.text + text, this.#secret).split('\n')
    // A program may never end its line; what it was before its last 8 Ki characters is not shown anyway.
    line.text = parts.pop()!.slice(-Math.max(MAX_BYTES, this.#secret?.length ?? 0))
    if (parts.length === 0) return
    this.#lines = [...this.#lines, ...parts.slice(-MAX_LINES).map((part) => this.#shown(part))].slice(-MAX_LINES)
  }

  /** Without colours, and what a progress bar showed at last. */
  #shown(line: string): string {
    const written = line.replace(/\r+$/, '')
    const visible = Bun.stripANSI(written.slice(written.lastIndexOf('\r') + 1))
    const plain = visible.replaceAll('\t', ' ').replace(STEERING, '')
    // Again: a colour may have begun within it.
    return withoutSecret(plain, this.#secret).slice(-MAX_BYTES).trimEnd().toWellFormed()
  }
}

interface OpenLine {
  text: string
  decoder: TextDecoder
}

function tail(line: string, bytes: number): string {
  let text = line.slice(-bytes)
  while (Buffer.byteLength(text) > bytes) text = text.slice(Math.max(1, (Buffer.byteLength(text) - bytes) >> 2))
  return text.toWellFormed()
}
