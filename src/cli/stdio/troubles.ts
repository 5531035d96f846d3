import { plain } from '../display.ts'
import type { Output } from '../io.ts'

/** What a person reads in the client's log: one line when a kind of trouble begins, not one a request. */
export class Troubles {
  readonly #stderr: Output
  /** Kinds are made of our own words and HTTP statuses, so there are never many. */
  readonly #known = new Set<string>()

  constructor(stderr: Output) {
    this.#stderr = stderr
  }

  report(kind: string, sentence: string): void {
    if (this.#known.has(kind)) return
    this.#known.add(kind)
    // When nobody reads stderr there is nobody to tell.
    void this.#stderr.write(`mcp-sse: ${plain(sentence)}\n`).catch(() => {})
  }

  /** The next trouble of a kind that begins like this is news again. */
  over(beginning: string): void {
    for (const kind of this.#known) if (kind.startsWith(beginning)) this.#known.delete(kind)
  }
}
