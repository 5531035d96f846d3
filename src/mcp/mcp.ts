import { isLegacyRequest } from '@modelcontextprotocol/server'
import type { Clock } from '../core/clock.ts'
import type { CloseReason } from '../core/close-reason.ts'
import type { Hub } from '../core/hub.ts'
import type { Principal } from '../core/principal.ts'
import type { Catalogue } from './catalogue/catalogue.ts'
import { Sessions } from './eras/sessions/sessions.ts'
import { claimsStateless, namesSession } from './eras/stateless/claim.ts'
import { Stateless } from './eras/stateless/stateless.ts'
import type { McpEvents } from './events/events.ts'
import type { Exchange } from './exchange.ts'
import { Outboxes } from './outboxes.ts'
import type { Changed, McpLimits, Parts } from './parts.ts'
import { Watching } from './watching.ts'

export interface McpOptions {
  hub: Hub
  catalogue: Catalogue
  /** MCP Events; `undefined`: not offered. */
  events?: McpEvents | undefined
  clock: Clock
  limits: McpLimits
  /** Failures nobody foresaw. */
  report: (error: unknown) => void
}

/** For calls that the end of the hub has ended to be answered, and how often it is looked whether they are. */
const LAST_ANSWERS_MS = 250
const LOOK_MS = 10

/**
 * MCP in every version, over one catalogue: what HTTP hands an exchange to. One of it for all servers of a process, since a
 * session may go on at another of its addresses.
 */
export class Mcp {
  readonly sessions: Sessions
  readonly #stateless: Stateless
  readonly #outboxes: Outboxes
  readonly #watching: Watching
  readonly #events: McpEvents | undefined
  readonly #clock: Clock

  constructor({ hub, catalogue, events, clock, limits, report }: McpOptions) {
    this.#outboxes = new Outboxes({ hub, clock, limits })
    this.#events = events
    this.#clock = clock
    this.#watching = new Watching({ hub, clock, report })
    const parts: Parts = {
      plan: { catalogue, events, calls: hub.metrics.mcpCalls, report },
      outboxes: this.#outboxes,
      watching: this.#watching,
      clock,
      limits,
    }
    this.sessions = new Sessions(parts)
    this.#stateless = new Stateless(parts)
  }

  /** Streams of messages that are open, those that answer one call among them. */
  get streams(): number {
    return this.#outboxes.size
  }

  /**
   * `POST /mcp`: the body says which era it is of. As all on the way to a session it awaits nothing itself: three functions
   * that did cost 4 to 12 % of a call.
   */
  post(exchange: Exchange): Response | Promise<Response> {
    return namesSession(exchange.request, exchange.body) ? this.sessions.post(exchange) : this.#postOfEra(exchange)
  }

  /** What is offered has changed for some: clients ask again. */
  announce(changed: Changed): void {
    this.sessions.announce(changed)
    this.#stateless.announce(changed)
  }

  /** After a reload: streams and sessions of credentials that count no more are ended. */
  async reconsider(judge: (principal: Principal) => CloseReason | undefined): Promise<void> {
    // Streams that have a last word say it before whatever is left of them is closed.
    await this.#events?.reconsider(judge)
    await this.#stateless.reconsider(judge)
    await this.sessions.reconsider(judge)
    // Waits that the hub has just ended answer themselves, with the place to go on from.
    await this.#clock.yield()
    await this.#outboxes.reconsider(judge)
    this.announce('tools')
    this.announce('resources')
  }

  /**
   * Every stream is told and ended; calls in flight are aborted. The hub is drained before: calls that waited at it then
   * have a moment to be answered, with the place to go on from.
   */
  async drain(): Promise<void> {
    // First of all: in a session its last word goes the way of every other message.
    await this.#events?.end('shutdown')
    await this.#lastAnswers()
    await this.#stateless.close()
    await this.sessions.close()
    await this.#outboxes.finish('shutdown')
  }

  close(): void {
    this.#watching.close()
    this.#outboxes.close()
  }

  async #postOfEra(exchange: Exchange): Promise<Response> {
    const { request, body } = exchange
    const ofSession = !claimsStateless(body) && (await isLegacyRequest(request, body))
    return ofSession ? this.sessions.post(exchange) : this.#stateless.post(exchange)
  }

  async #lastAnswers(): Promise<void> {
    for (let waitedMs = 0; waitedMs < LAST_ANSWERS_MS; waitedMs += LOOK_MS) {
      if (this.sessions.calls + this.#stateless.calls === 0) return
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }
}
