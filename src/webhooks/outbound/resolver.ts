import { addressOf, isLoopbackAddress, mayConnect } from './address-rule.ts'
import { isLocalhost } from './loopback-host.ts'
import type { AddressRule } from './outcome.ts'

/** Every address of a name; rejects or gives none for one that is not found. */
export type LookUp = (name: string) => Promise<readonly string[]>

/** An answer serves for so long: one burst to one receiver asks once, and a name that was changed counts at once. */
const REUSE_MS = 1000
/** Look-ups that hang are forgotten after this; whoever waits for them has a deadline of its own, mostly a nearer one. */
const LOOK_UP_MS = 10_000
const MAX_NAMES = 1000

const LOOPBACK = ['127.0.0.1', '::1'] as const

interface Answer {
  addresses: Promise<readonly string[]>
  /** Monotonic milliseconds until which it serves. */
  until: number
}

export interface ResolverOptions {
  lookUp?: LookUp
  /** Monotonic milliseconds. */
  monotonic?: () => number
  /** Asked for at once and remembered; default 1,000. */
  names?: number
}

/**
 * From the host of a URL to the addresses that may be connected to. One address that is not allowed and the whole name is
 * refused: who mixes them means the hub to try until it gets there.
 */
export class Resolver {
  readonly #lookUp: LookUp
  readonly #monotonic: () => number
  readonly #most: number
  /** In the order in which they were asked for. */
  readonly #answers = new Map<string, Answer>()

  constructor({ lookUp = systemLookUp, monotonic = () => performance.now(), names = MAX_NAMES }: ResolverOptions = {}) {
    this.#lookUp = lookUp
    this.#monotonic = monotonic
    this.#most = names
  }

  get size(): number {
    return this.#answers.size
  }

  /**
   * In the order of the resolver. None: the name is not found, or an address of it is not allowed, or too many look-ups
   * are under way; the caller cannot tell which. Loopback is for who says so: `localhost` and loopback addresses in the
   * URL, and names only where the operator wrote it (`private`), since a stranger's name may be anything a moment later.
   * @param hostname of a parsed URL
   */
  async addresses(hostname: string, rule: AddressRule): Promise<readonly string[]> {
    if (isLocalhost(hostname)) return rule.loopback ? LOOPBACK : []
    const literal = addressOf(hostname)
    if (isLoopbackAddress(literal)) return rule.loopback ? [literal] : []
    // URL parsing has made four decimal parts of every spelling of an IPv4 address.
    if (hostname.startsWith('[') || /^[\d.]+$/.test(hostname)) return mayConnect(literal, rule) ? [literal] : []
    const found = await this.#found(hostname)
    const named: AddressRule = { loopback: rule.loopback && rule.private, private: rule.private }
    return found.every((address) => mayConnect(address, named)) ? found : []
  }

  #found(name: string): Promise<readonly string[]> {
    const now = this.#monotonic()
    const known = this.#answers.get(name)
    if (known && now < known.until) return known.addresses
    this.#answers.delete(name)
    if (!this.#makeRoom(now)) return Promise.resolve([])
    const answer: Answer = { addresses: this.#ask(name), until: now + LOOK_UP_MS }
    this.#answers.set(name, answer)
    void answer.addresses.then(() => {
      answer.until = Math.min(answer.until, this.#monotonic() + REUSE_MS)
    })
    return answer.addresses
  }

  /** Never rejects: a name that cannot be looked up is one without addresses. */
  async #ask(name: string): Promise<readonly string[]> {
    try {
      return [...new Set(await this.#lookUp(name))]
    } catch {
      return []
    }
  }

  /** @returns whether there is room: not while as many look-ups as it has place for are under way or fresh */
  #makeRoom(now: number): boolean {
    if (this.#answers.size < this.#most) return true
    for (const [name, { until }] of this.#answers) if (until <= now) this.#answers.delete(name)
    return this.#answers.size < this.#most
  }
}

/**
 * c-ares, which waits in the event loop: Bun 1.4.5 answers `node:dns` from libc in threads, of which there are few, and
 * names whose servers are silent would hold up all others.
 */
async function systemLookUp(name: string): Promise<readonly string[]> {
  const found = await Bun.dns.lookup(name, { backend: 'c-ares' })
  return found.map(({ address }) => address)
}
