import { type Block, BlockParser } from './block.ts'
import { until } from './until.ts'

/** One message of JSON-RPC; whatever is there. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
export type Message = any

/** What one connection brought of a stream, as it comes. */
export class Incoming {
  readonly blocks: Block[] = []
  ended = false
  readonly response: Response
  readonly #abort: AbortController

  constructor(response: Response, abort: AbortController) {
    this.response = response
    this.#abort = abort
    void this.#read()
  }

  get messages(): Message[] {
    return this.blocks
      .filter(({ type, data }) => type === 'message' && data)
      .map(({ data }) => JSON.parse(data!) as Message)
  }

  /** What an EventSource would come back with. */
  get lastId(): string | undefined {
    return this.blocks.findLast(({ id }) => id !== undefined)?.id
  }

  /** URIs told as updated, in order. */
  get told(): string[] {
    return this.messages
      .filter(({ method }) => method === 'notifications/resources/updated')
      .map(({ params }) => params.uri)
  }

  async message(what: string, is: (message: Message) => boolean): Promise<Message> {
    return until(what, () => this.messages.find(is))
  }

  async end(): Promise<void> {
    await until('the end of the stream', () => this.ended)
  }

  drop(): void {
    this.#abort.abort()
  }

  async #read(): Promise<void> {
    const parser = new BlockParser()
    try {
      for await (const chunk of this.response.body ?? []) this.blocks.push(...parser.push(chunk))
    } catch {
      // Dropped here, or cut off by the server.
    }
    this.ended = true
  }
}
