import type { Mcp } from '../../src/mcp/mcp.ts'
import { initializeMessage } from '../mcp/sessions/session-client.ts'
import { asked, BOTH, exchangeOf } from './mcp-exchange.ts'
import type { ServedCatalogue } from './mcp-served-catalogue.ts'

/** In place of an id that is drawn anew: inputs are the same in every run. */
export const SESSION = '<session>'
export const OLD_SESSION = '<old>'
/** Exchanges after which everything is ended, and nothing may be left. */
export const TOGETHER = 64

/** One that brings a stream with it. */
const WAIT = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'wait_for_event', arguments: { topics: ['nothing/here'] }, _meta: { progressToken: 'p' } },
}

/** Two sessions, one of a version with arrays of messages, ended and begun anew every so many exchanges. */
export class Conversation {
  readonly mcp: Mcp
  readonly #place: ServedCatalogue
  readonly #ids = new Map<string, string>()
  #exchanges = 0

  constructor(place: ServedCatalogue) {
    this.mcp = place.mcp
    this.#place = place
  }

  /** `exchange` with the ids of sessions that live in the place of their names. */
  async within(exchange: (named: (lines: string) => string) => Promise<unknown>): Promise<unknown> {
    if (this.#ids.size === 0) {
      this.#ids.set(SESSION, await this.#begin('2025-11-25'))
      this.#ids.set(OLD_SESSION, await this.#begin('2025-03-26'))
    }
    try {
      return await exchange((lines) => [...this.#ids].reduce((text, [name, id]) => text.replaceAll(name, id), lines))
    } finally {
      this.#place.requireForeseen()
      if (this.mcp.sessions.size < this.#ids.size || ++this.#exchanges % TOGETHER === 0) await this.#end()
    }
  }

  /** Ends a session. @returns the status */
  async end(id: string): Promise<number> {
    const { exchange } = exchangeOf('DELETE', `mcp-session-id: ${id}`, undefined)
    return (await this.mcp.sessions.delete(exchange)).status
  }

  async #begin(version: string): Promise<string> {
    const begun = await asked((exchange) => this.mcp.post(exchange), 'POST', BOTH, initializeMessage(version))
    const id = begun.session
    if (!id) throw new Error(`No session begins: ${begun.status}`)
    const headers = `${BOTH}\r\nmcp-session-id: ${id}`
    // With a stream of its own, so that there is a place to come back to.
    await asked((exchange) => this.mcp.post(exchange), 'POST', headers, WAIT)
    return id
  }

  async #end(): Promise<void> {
    for (const id of this.#ids.values()) await this.end(id)
    this.#ids.clear()
    await this.#place.requireNothingLeft()
  }
}
