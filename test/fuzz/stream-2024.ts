import { createParser } from 'eventsource-parser'
import type { Mcp } from '../../src/mcp/mcp.ts'
import { initializeMessage } from '../mcp/sessions/session-client.ts'
import { asked, BOTH, exchangeOf, type Message, requireMessage } from './mcp-exchange.ts'

/** The stream of a session of HTTP+SSE, read all the time. */
export class Stream2024 {
  id = ''
  readonly #mcp: Mcp
  readonly #abort: AbortController
  readonly #answered = new Map<unknown, () => void>()
  #pings = 0

  private constructor(mcp: Mcp, abort: AbortController) {
    this.#mcp = mcp
    this.#abort = abort
  }

  static async begin(mcp: Mcp): Promise<Stream2024> {
    const { exchange, abort } = exchangeOf('GET', 'accept: text/event-stream', undefined)
    const stream = new Stream2024(mcp, abort)
    const response = await mcp.sessions.openSse(exchange)
    const begun = Promise.withResolvers<void>()
    void stream.#read(response, begun.resolve)
    await begun.promise
    await stream.#ask(initializeMessage('2024-11-05', 'begin'))
    return stream
  }

  /** It answers, whatever came before. */
  async ping(): Promise<void> {
    await this.#ask({ jsonrpc: '2.0', id: `ping ${++this.#pings}`, method: 'ping' })
  }

  end(): void {
    this.#abort.abort()
  }

  /** Resolves when every request of a message that was taken has its answer. */
  async post(sessionId: string, body: unknown) {
    const answered: Promise<void>[] = []
    const parts: Message[] = Array.isArray(body) ? body : [body]
    const cancelled = parts.map((part) => part?.params?.requestId)
    const waiting = parts.filter((part) => typeof part?.method === 'string' && !cancelled.includes(part.id))
    for (const { id } of waiting) {
      if (id === undefined) continue
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#answered.set(id, resolve)
      answered.push(promise)
    }
    const answer = await asked((exchange) => this.#mcp.sessions.postMessage(exchange, sessionId), 'POST', BOTH, body)
    if (answer.status === 202) await Promise.all(answered)
    this.#answered.clear()
    return answer
  }

  async #ask(body: object): Promise<void> {
    const { status } = await this.post(this.id, body)
    if (status !== 202) throw new Error(`A message was answered ${status}.`)
  }

  async #read(response: Response, begun: () => void): Promise<void> {
    const parser = createParser({
      onEvent: ({ event, data }) => {
        if (event === 'endpoint') {
          this.id = data.slice(data.indexOf('=') + 1)
          begun()
        } else {
          const message = requireMessage(JSON.parse(data))
          if (message.method === undefined) this.#answered.get(message.id)?.()
        }
      },
    })
    const decoder = new TextDecoder()
    for await (const chunk of response.body!) parser.feed(decoder.decode(chunk, { stream: true }))
  }
}
