import { setTimeout as delay } from 'node:timers/promises'
import { REFUSED } from '../../mcp/json-rpc.ts'
import { Exchange, type Surroundings } from './exchange.ts'
import { errorText, isEndless, type Message, parseMessage, requestIds, soleCall } from './message.ts'
import type { InputLine } from './message-lines.ts'
import { Notifications } from './notifications.ts'
import { Session } from './session.ts'
import { statelessRoute, statelessVersion } from './stateless.ts'

/** Requests in flight; the next ones wait. */
const MAX_REQUESTS = 64
/** Requests that wait for one of those to end, and their characters. Above that stdin waits, and all that is on it. */
const MAX_WAITING = 1024
const MAX_WAITING_LENGTH = 4 * 1024 * 1024
/** Requests that do not end by themselves: waiting for one could take forever. */
const MAX_ENDLESS = 64
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
  readonly #endless = new Map<Exchange, Promise<unknown>>()
  /** In the order they came. */
  readonly #waiting: Message[] = []
  #waitingLength = 0
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
    await this.#room(() => this.#waiting.length === 0)
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
    if (isEndless(message)) return await this.#startEndless(message)
    if (call?.method === 'initialize') {
      this.#session.begin(message, (route) => this.#start(new Exchange(message, route, this.#around), this.#requests))
    } else await this.#queue(message)
  }

  /** Cancellations and answers pass what waits: what they are about may be what it waits for. */
  async #queue(message: Message): Promise<void> {
    this.#waiting.push(message)
    this.#waitingLength += message.text.length
    this.#startWaiting()
    await this.#room(() => this.#waiting.length < MAX_WAITING && this.#waitingLength < MAX_WAITING_LENGTH)
  }

  #startWaiting(): void {
    while (this.#waiting.length > 0 && this.#requests.size < MAX_REQUESTS && !this.#stop.aborted) {
      this.#start(this.#exchange(this.#leave(0)), this.#requests)
    }
    this.#roomMade()
  }

  #leave(place: number): Message {
    const [message] = this.#waiting.splice(place, 1)
    this.#waitingLength -= message!.text.length
    return message!
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
      this.#startWaiting()
    })
    among.set(exchange, done)
    return done
  }

  async #room(isThere: () => boolean): Promise<void> {
    while (!isThere() && !this.#stop.aborted) {
      await new Promise<void>((made) => {
        this.#roomMade = made
      })
    }
  }

  async #startEndless(message: Message): Promise<void> {
    if (this.#endless.size < MAX_ENDLESS) {
      this.#start(this.#exchange(message), this.#endless)
      return
    }
    const reason = `There are ${MAX_ENDLESS} streams open, which is as many as one client may have. Cancel one first.`
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
    const place = this.#waiting.findIndex((one) => soleCall(one)?.id === id)
    if (place >= 0) {
      this.#leave(place)
      return this.#roomMade()
    }
    const exchange = [...this.#requests.keys(), ...this.#endless.keys()].find((one) => one.awaits(id))
    const stateless = exchange ? statelessVersion(exchange.message) !== undefined : !this.#session.begun
    // First, because a hub that is told ends the stream of the answer, which is then no loss to speak of.
    if (exchange && soleCall(exchange.message)?.method !== 'initialize') exchange.cancel()
    if (!stateless) await this.#notify(message)
  }

  async #end(): Promise<void> {
    const grace = new AbortController()
    const rest = delay(GRACE_MS, undefined, { signal: grace.signal }).catch(() => {})
    if (!this.#around.outlet.closed.aborted) await Promise.race([Promise.all(this.#requests.values()), rest])
    grace.abort()
    this.#ended.abort()
    for (const exchange of [...this.#requests.keys(), ...this.#endless.keys()]) exchange.cancel()
    await this.#session.end()
  }
}
