import { setTimeout as delay } from 'node:timers/promises'
import { REFUSED } from '../../mcp/json-rpc.ts'
import { Exchange, type Surroundings } from './exchange.ts'
import { errorText, LISTEN, type Message, parseMessage, requestIds, soleCall } from './message.ts'
import type { InputLine } from './message-lines.ts'
import { Notifications } from './notifications.ts'
import { Session } from './session.ts'
import { statelessRoute, statelessVersion } from './stateless.ts'

/** Requests in flight; the next one waits, and stdin with it. */
const MAX_REQUESTS = 64
/** Open `subscriptions/listen`, which do not end by themselves: waiting for one could take forever. */
const MAX_LISTENS = 64
/** For a notification to be taken; the next line waits for it, so that the hub sees them in order. */
const NOTIFICATION_MS = 30_000
/** What is under way when the client leaves may end; the SDKs' clients kill after 2 s. */
const GRACE_MS = 1200

/**
 * Messages from a client's lines to a hub and back, until the lines end or `stop`. It knows no tools and no resources,
 * only what a transport has to know.
 */
export class Bridge {
  readonly #around: Surroundings
  readonly #stop: AbortSignal
  readonly #ended = new AbortController()
  readonly #session: Session
  readonly #notifications: Notifications
  readonly #requests = new Map<Exchange, Promise<unknown>>()
  readonly #listens = new Map<Exchange, Promise<unknown>>()
  #roomMade: () => void = () => {}
  /** Of the last message that named its version. */
  #version: string | undefined

  constructor(around: Surroundings, stop: AbortSignal) {
    this.#around = around
    this.#stop = stop
    this.#session = new Session(around.link, around.troubles, this.#ended.signal)
    this.#notifications = new Notifications(this.#session, around, this.#ended.signal)
  }

  async run(lines: AsyncIterable<InputLine>): Promise<void> {
    const stopped = Promise.withResolvers<void>()
    const wake = () => {
      this.#roomMade()
      stopped.resolve()
    }
    this.#stop.addEventListener('abort', wake, { once: true })
    // Reading may wait for a client that does not take its answers.
    await Promise.race([this.#read(lines), stopped.promise])
    this.#stop.removeEventListener('abort', wake)
    await this.#end()
  }

  async #read(lines: AsyncIterable<InputLine>): Promise<void> {
    for await (const line of lines) {
      if (line.kind === 'line') await this.#take(line.text)
      else await this.#refuse(line)
    }
  }

  async #refuse({ code, reason, id }: Extract<InputLine, { kind: 'refused' }>): Promise<void> {
    if (id === undefined) this.#around.troubles.report('input', reason)
    else await this.#around.outlet.write(errorText(id, code, reason))
  }

  async #take(text: string): Promise<void> {
    const message = parseMessage(text)
    if (typeof message === 'number') {
      const reason = 'This line is no JSON-RPC message. One message goes on one line.'
      return await this.#around.outlet.write(errorText(null, message, reason))
    }
    const call = soleCall(message)
    if (call?.method === 'notifications/cancelled') return await this.#cancel(message, call.params.requestId)
    if (requestIds(message).length === 0) return await this.#notify(message)
    if (call?.method === LISTEN) return await this.#listen(message)
    await this.#room()
    if (this.#stop.aborted) return
    if (call?.method !== 'initialize') this.#start(this.#exchange(message), this.#requests)
    else {
      this.#session.begin(message, (route) => this.#start(new Exchange(message, route, this.#around), this.#requests))
    }
  }

  #exchange(message: Message): Exchange {
    const named = statelessVersion(message)
    this.#version = named ?? this.#version
    const version = named ?? (this.#session.begun ? undefined : this.#version)
    const route = version === undefined ? this.#session : statelessRoute(this.#around.link, version)
    return new Exchange(message, route, this.#around)
  }

  #start(exchange: Exchange, among: Map<Exchange, Promise<unknown>>): Promise<unknown> {
    const done = exchange.run().then(() => {
      among.delete(exchange)
      this.#roomMade()
    })
    among.set(exchange, done)
    return done
  }

  async #room(): Promise<void> {
    while (this.#requests.size >= MAX_REQUESTS && !this.#stop.aborted) {
      await new Promise<void>((made) => {
        this.#roomMade = made
      })
    }
  }

  async #listen(message: Message): Promise<void> {
    if (this.#listens.size < MAX_LISTENS) {
      this.#start(this.#exchange(message), this.#listens)
      return
    }
    const reason = `There are ${MAX_LISTENS} ${LISTEN} open, which is as many as one client may have. Cancel one first.`
    for (const id of requestIds(message)) await this.#around.outlet.write(errorText(id, REFUSED, reason))
  }

  async #notify(message: Message): Promise<void> {
    const limit = AbortSignal.any([this.#stop, AbortSignal.timeout(NOTIFICATION_MS)])
    const taken = await this.#exchange(message).run(limit)
    if (!taken || soleCall(message)?.method !== 'notifications/initialized') return
    this.#session.ready()
    this.#notifications.start()
  }

  /** In a session the hub is told; without one, closing the connection is what tells it (2026-07-28, "Cancellation"). */
  async #cancel(message: Message, id: unknown): Promise<void> {
    const exchange = [...this.#requests.keys(), ...this.#listens.keys()].find((one) => one.awaits(id))
    const stateless = exchange ? statelessVersion(exchange.message) !== undefined : !this.#session.begun
    if (!stateless) await this.#notify(message)
    if (exchange && soleCall(exchange.message)?.method !== 'initialize') exchange.cancel()
  }

  async #end(): Promise<void> {
    const grace = new AbortController()
    const rest = delay(GRACE_MS, undefined, { signal: grace.signal }).catch(() => {})
    if (!this.#around.outlet.closed.aborted) await Promise.race([Promise.all(this.#requests.values()), rest])
    grace.abort()
    this.#ended.abort()
    for (const exchange of [...this.#requests.keys(), ...this.#listens.keys()]) exchange.cancel()
    await this.#session.end()
  }
}
