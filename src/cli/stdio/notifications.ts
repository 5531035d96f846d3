import { setTimeout as delay } from 'node:timers/promises'
import { BridgeFailure } from './bridge-failure.ts'
import type { Surroundings } from './exchange.ts'
import { DEFAULT_RETRY_MS, hubMessages, type StreamPlace } from './hub-messages.ts'
import { discard } from './link.ts'
import { callText, parseMessage } from './message.ts'
import type { Session } from './session.ts'

const LONGEST_WAIT_MS = 30_000
/** A stream that was open so long ended for a reason of its own time, not for the one that ended the last. */
const LONG_LIVED_MS = 10_000

/**
 * The stream by which a session's hub speaks unasked, for as long as the bridge lives: a lost connection is made again
 * after a jittered wait that doubles, and resumes by `Last-Event-ID`. Where that cannot be, the client is told to read
 * again what it subscribed to. A session that the hub forgot is made again at once, and if that one is forgotten too,
 * after the same waits: behind a balancer without affinity the hub that is asked never knows the session.
 */
export class Notifications {
  readonly #session: Session
  readonly #around: Surroundings
  readonly #stop: AbortSignal
  #running = false
  /** Ends the connection or the wait that is under way. */
  #wake = new AbortController()
  #place: StreamPlace = { lastEventId: '', retryMs: DEFAULT_RETRY_MS }

  constructor(session: Session, around: Surroundings, stop: AbortSignal) {
    this.#session = session
    this.#around = around
    this.#stop = stop
    session.onRenewed = () => this.#wake.abort()
  }

  start(): void {
    if (this.#running) this.#wake.abort()
    else void this.#run()
  }

  async #run(): Promise<void> {
    this.#running = true
    let of = this.#session.established
    let opened = false
    let renewals = 0
    for (let failures = 0; !this.#stop.aborted; ) {
      if (this.#session.established !== of) {
        of = this.#session.established
        this.#place = { lastEventId: '', retryMs: DEFAULT_RETRY_MS }
        failures = 0
      }
      this.#wake = new AbortController()
      let signal = AbortSignal.any([this.#stop, this.#wake.signal])
      let renewed = false
      let openedAt = Number.POSITIVE_INFINITY
      try {
        const response = await this.#session.stream(this.#place.lastEventId, signal)
        if (response.status === 405) break
        renewed = await this.#renewed(response)
        if (!renewed) {
          openedAt = performance.now()
          if (opened && !this.#place.lastEventId) await this.#tellOfTheGap()
          opened = true
          for await (const text of hubMessages(response, this.#place, signal)) {
            failures = 0
            await this.#forward(text)
          }
        }
      } catch (error) {
        if (error instanceof BridgeFailure) this.#around.troubles.report(error.kind, error.message)
        // Any other way in which a connection breaks is everyday, and only the reason to come back.
      }
      if (performance.now() - openedAt > LONG_LIVED_MS) {
        failures = 0
        renewals = 0
      }
      if (renewed) {
        if (renewals++ === 0) continue
        // The renewal itself rang the last one.
        this.#wake = new AbortController()
        signal = AbortSignal.any([this.#stop, this.#wake.signal])
      }
      if (signal.aborted) continue
      const doublings = Math.min(Math.max(renewed ? 0 : failures++, renewals - 2), 10)
      const waitMs = Math.min(LONGEST_WAIT_MS, this.#place.retryMs * 2 ** doublings)
      // Half to one and a half times: clients of one restart do not come back together.
      await delay(waitMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
    }
    this.#running = false
  }

  /** Whether another session was made because the hub does not know this one. @throws BridgeFailure on any refusal */
  async #renewed(response: Response): Promise<boolean> {
    if (response.ok) return false
    const { established } = this.#session
    if (response.status !== 404 || established?.id === undefined) {
      throw await this.#around.link.refusal(response, 'GET')
    }
    await discard(response)
    await this.#session.renew(established)
    return true
  }

  async #forward(text: string): Promise<void> {
    if (typeof parseMessage(text) === 'number') {
      this.#around.troubles.report('answer', 'The hub sent something that is no JSON-RPC message; it was left out.')
    } else await this.#around.outlet.write(text)
  }

  async #tellOfTheGap(): Promise<void> {
    for (const uri of this.#session.subscribedUris()) {
      await this.#around.outlet.write(callText('notifications/resources/updated', { uri }))
    }
  }
}
