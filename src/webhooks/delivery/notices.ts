import { randomBytes } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import type { Outbound } from '../outbound/outcome.ts'
import type { Plan } from '../plan.ts'
import { signatureHeaders } from '../secret/signature.ts'
import { ATTEMPT_MS } from './dispatcher.ts'

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
  /** Sentences for the operator. */
  warn: (sentence: string) => void
  report: (error: unknown) => void
}

const AT_ONCE = 16
const MOST_WAITING = 1000
/** Of one owner, so that nobody keeps others from hearing. */
const OF_OWNER = { atOnce: 2, waiting: 200 } as const
const ATTEMPTS = 2
const PAUSE_MS = 5000
/** Between two lines about those there was no room for. */
const WARN_MS = 60_000

/** Tells callbacks what is not an event: twice at most, and nothing depends on whether they take it. */
export class Notices {
  readonly #options: NoticesOptions
  readonly #waiting: { plan: Plan; notice: Notice; heard: (heard: boolean) => void }[] = []
  readonly #stop = new AbortController()
  /** Of whom how many are being sent. */
  readonly #sending = new Map<string, number>()
  #underWay = 0
  /** Monotonic milliseconds. */
  #warnedAt = Number.NEGATIVE_INFINITY

  constructor(options: NoticesOptions) {
    this.#options = options
  }

  /** Resolves to whether there was an answer, whichever; hosts that know events only need none. Never rejects. */
  tell(plan: Plan, notice: Notice): Promise<boolean> {
    if (this.#options.eventsOnly.has(plan.url.hostname)) return Promise.resolve(true)
    if (this.#stop.signal.aborted) return Promise.resolve(false)
    const ofOwner = this.#waiting.filter((each) => each.plan.owner === plan.owner).length
    if (this.#waiting.length >= MOST_WAITING || ofOwner >= OF_OWNER.waiting) {
      this.#warnOfDropped()
      return Promise.resolve(false)
    }
    return new Promise((heard) => {
      this.#waiting.push({ plan, notice, heard })
      this.#next()
    })
  }

  /** What has not been sent is not sent. */
  close(): void {
    this.#stop.abort()
    for (const { heard } of this.#waiting.splice(0)) heard(false)
  }

  #next(): void {
    if (this.#underWay >= AT_ONCE) return
    const index = this.#waiting.findIndex(({ plan }) => (this.#sending.get(plan.owner) ?? 0) < OF_OWNER.atOnce)
    const next = this.#waiting[index]
    if (!next) return
    const { owner } = next.plan
    this.#waiting.splice(index, 1)
    this.#underWay++
    this.#sending.set(owner, (this.#sending.get(owner) ?? 0) + 1)
    this.#send(next.plan, next.notice)
      .catch((error) => {
        this.#options.report(error)
        return false
      })
      .then((heard) => {
        this.#underWay--
        const left = this.#sending.get(owner)! - 1
        if (left > 0) this.#sending.set(owner, left)
        else this.#sending.delete(owner)
        next.heard(heard)
        this.#next()
      })
  }

  #warnOfDropped(): void {
    const now = this.#options.clock.monotonic()
    if (now - this.#warnedAt < WARN_MS) return
    this.#warnedAt = now
    this.#options.warn(
      `more callbacks than there is room for are to be told of a gap or their end at once: some hear of a gap later, and some ends are not told.`,
    )
  }

  async #send(plan: Plan, notice: Notice): Promise<boolean> {
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
        readBytes: 0,
        signal,
      })
      if (outcome.kind === 'answered') return true
    }
    return false
  }
}
