import { randomBytes } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import type { Outbound } from '../outbound/outcome.ts'
import type { Plan } from '../plan.ts'
import { signatureHeaders } from '../secret/signature.ts'
import { ATTEMPT_MS, READ_BYTES } from './dispatcher.ts'

/** What a callback is told besides events (SEP-3415, control bodies). */
export type Notice =
  /** Something between what it was sent and `cursor` is missing. */
  | { type: 'gap'; cursor: string }
  /** Nothing more will come. */
  | { type: 'terminated'; error: { code: number; message: string; data: Readonly<Record<string, unknown>> } }

export interface NoticesOptions {
  clock: Clock
  outbound: Outbound
  /** Names of hosts that know events and the challenge, and nothing else. */
  eventsOnly: ReadonlySet<string>
  report: (error: unknown) => void
}

const AT_ONCE = 16
const MOST_WAITING = 1000
const ATTEMPTS = 2
const PAUSE_MS = 5000

/** Tells callbacks what is not an event: twice at most, and nothing depends on whether they take it. */
export class Notices {
  readonly #options: NoticesOptions
  readonly #waiting: { plan: Plan; notice: Notice }[] = []
  readonly #stop = new AbortController()
  #sending = 0
  #dropped = 0

  constructor(options: NoticesOptions) {
    this.#options = options
  }

  /** Those there was no room for. */
  get dropped(): number {
    return this.#dropped
  }

  tell(plan: Plan, notice: Notice): void {
    if (this.#stop.signal.aborted || this.#options.eventsOnly.has(plan.url.hostname)) return
    if (this.#waiting.length >= MOST_WAITING) {
      this.#dropped++
      return
    }
    this.#waiting.push({ plan, notice })
    this.#next()
  }

  /** What has not been sent is not sent. */
  close(): void {
    this.#stop.abort()
    this.#waiting.length = 0
  }

  #next(): void {
    const next = this.#sending < AT_ONCE ? this.#waiting.shift() : undefined
    if (!next) return
    this.#sending++
    this.#send(next.plan, next.notice)
      .catch(this.#options.report)
      .finally(() => {
        this.#sending--
        this.#next()
      })
  }

  async #send(plan: Plan, notice: Notice): Promise<void> {
    const { clock, outbound } = this.#options
    const { signal } = this.#stop
    const id = `msg_${notice.type}_${randomBytes(12).toString('hex')}`
    const body = JSON.stringify(notice)
    for (let attempt = 1; attempt <= ATTEMPTS && !signal.aborted; attempt++) {
      if (attempt > 1) await Bun.sleep(PAUSE_MS)
      const now = clock.now()
      const outcome = await outbound.post({
        url: plan.url,
        rule: plan.rule,
        headers: {
          'content-type': 'application/json',
          'x-mcp-subscription-id': plan.id,
          ...signatureHeaders({ id, body, keys: plan.keys(now), now }),
        },
        body,
        timeoutMs: ATTEMPT_MS,
        readBytes: READ_BYTES,
        signal,
      })
      if (outcome.kind === 'answered' && outcome.status < 500) return
    }
  }
}
