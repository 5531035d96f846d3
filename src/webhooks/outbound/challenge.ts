import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import { CallbackRefusal } from '../refusals.ts'
import { signatureHeaders } from '../secret/signature.ts'
import { AttemptRate } from './attempt-rate.ts'
import type { AddressRule, Failure, Outbound } from './outcome.ts'

const TIMEOUT_MS = 10_000
const ANSWER_BYTES = 4096
/** 256 bits; SEP-3415 asks for 128. */
const NONCE_BYTES = 32
const BUSY_RETRY_MS = 1000
const MAX_KEYS = 10_000

export interface ChallengesOptions {
  outbound: Outbound
  clock: Pick<Clock, 'now' | 'monotonic'>
  /** Under way at once; default 32, of one principal 4. */
  atOnce?: number
  atOnceOfPrincipal?: number
  /** To one host, of one principal and of all; default 30 and 120. */
  perMinuteOfPrincipal?: number
  perMinute?: number
  /** Of one principal, to whatever host, that neither need nor count as those of all; default 3. */
  ownPerMinute?: number
  /** To one host, those included; default 600. */
  perMinuteInAll?: number
}

/** One callback that is to prove that it wants what it will be sent. */
export interface Challenge {
  url: URL
  rule: AddressRule
  /** `sub_…` */
  id: string
  /** The newest first: that of this call, and while it is replaced the old one. */
  keys: readonly Uint8Array[]
  /** `Principal.id` */
  principal: string
  signal?: AbortSignal | undefined
}

/** What the caller is told, a sentence a category: where it failed and never what was there. */
const SENTENCES: Record<Failure, string> = {
  connection_refused: 'The callback cannot be reached from here; check its name and that it listens.',
  timeout: `The callback did not answer its verification within ${TIMEOUT_MS / 1000} seconds; answer before doing anything else.`,
  tls_error: 'The callback has no certificate that is valid for its name; renew it.',
  http_4xx: 'The callback refused its verification.',
  http_5xx: 'The callback failed at its verification.',
  challenge_failed:
    'The callback did not answer its verification; answer the POST of type "verification" with 200 and {"challenge": …} as it came.',
}

/** Proves callbacks (SEP-3415): whoever names one has it answer a signed question before anything else is sent there. */
export class Challenges {
  readonly #outbound: Outbound
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly #atOnce: number
  readonly #atOnceOfPrincipal: number
  readonly #ofPrincipal: AttemptRate
  readonly #ofHost: AttemptRate
  /** What others cannot use up: a few principals would keep everybody from verifying at a host that many share. */
  readonly #own: AttemptRate
  /** The host's protection from a hub with many principals. */
  readonly #inAll: AttemptRate
  readonly #underWay = new Map<string, number>()
  #running = 0

  constructor(options: ChallengesOptions) {
    this.#outbound = options.outbound
    this.#clock = options.clock
    this.#atOnce = options.atOnce ?? 32
    this.#atOnceOfPrincipal = options.atOnceOfPrincipal ?? 4
    const rate = (perMinute: number) =>
      new AttemptRate({ perMinute, monotonic: () => options.clock.monotonic(), keys: MAX_KEYS })
    this.#ofPrincipal = rate(options.perMinuteOfPrincipal ?? 30)
    this.#ofHost = rate(options.perMinute ?? 120)
    this.#own = rate(options.ownPerMinute ?? 3)
    this.#inAll = rate(options.perMinuteInAll ?? 600)
  }

  /** @throws CallbackRefusal when it is not proven; HubError `rate-limited` when nothing was asked */
  async prove(challenge: Challenge): Promise<void> {
    const { principal } = challenge
    this.#admit(principal, challenge.url.hostname)
    this.#running++
    this.#underWay.set(principal, (this.#underWay.get(principal) ?? 0) + 1)
    try {
      const failure = await this.#ask(challenge)
      if (failure) throw new CallbackRefusal(failure, SENTENCES[failure])
    } finally {
      this.#running--
      const left = this.#underWay.get(principal)! - 1
      if (left > 0) this.#underWay.set(principal, left)
      else this.#underWay.delete(principal)
    }
  }

  #admit(principal: string, host: string): void {
    if ((this.#underWay.get(principal) ?? 0) >= this.#atOnceOfPrincipal || this.#running >= this.#atOnce) {
      throw tooMany('Too many callbacks are being verified', BUSY_RETRY_MS)
    }
    // A principal may have any text for a name; a host has no white space.
    const key = `${host} ${principal}`
    const own = this.#own.waitMs(principal)
    const either = Math.min(own, this.#ofHost.waitMs(host))
    const wait = Math.max(this.#ofPrincipal.waitMs(key), this.#inAll.waitMs(host), either)
    if (wait > 0) throw tooMany('This callback host was asked to verify too often', wait)
    this.#ofPrincipal.take(key)
    this.#inAll.take(host)
    if (own === 0) this.#own.take(principal)
    else this.#ofHost.take(host)
  }

  async #ask({ url, rule, id, keys, signal }: Challenge): Promise<Failure | undefined> {
    const nonce = randomBytes(NONCE_BYTES).toString('base64url')
    const message = `msg_verification_${randomBytes(16).toString('hex')}`
    const body = JSON.stringify({ type: 'verification', challenge: nonce })
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'x-mcp-subscription-id': id,
      ...signatureHeaders({ id: message, body, keys, now: this.#clock.now() }),
    }
    const asked = { url, rule, headers, body, timeoutMs: TIMEOUT_MS, readBytes: ANSWER_BYTES, signal }
    const outcome = await this.#outbound.post(asked)
    if (outcome.kind === 'failed') return outcome.failure
    const taken = outcome.status >= 200 && outcome.status < 300
    const echoed = taken && echo(outcome.body)
    return echoed && equal(echoed, nonce) ? undefined : 'challenge_failed'
  }
}

function echo(body: Uint8Array): string | undefined {
  try {
    const answer: unknown = JSON.parse(new TextDecoder().decode(body))
    if (typeof answer !== 'object' || answer === null || !('challenge' in answer)) return undefined
    return typeof answer.challenge === 'string' ? answer.challenge : undefined
  } catch {
    return undefined
  }
}

function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function tooMany(why: string, retryAfterMs: number): HubError {
  return new HubError('rate-limited', `${why}; try again after a while.`, { retryAfterMs })
}
