import { Turns } from '../../core/turns.ts'
import { addressOf, isLoopbackAddress, mayConnect } from './address-rule.ts'
import { isLocalhost } from './loopback-host.ts'
import type { AddressRule } from './outcome.ts'

/** Every address of a name; rejects or gives none for one that is not found. */
export type LookUp = (name: string) => Promise<readonly string[]>

/** An answer serves for so long: one burst to one receiver asks once, and a name that was changed counts at once. */
const REUSE_MS = 1000
/** Look-ups that hang are given up after this; whoever waits for them has a deadline of its own, mostly a nearer one. */
const LOOK_UP_MS = 10_000
const MOST_ANSWERS = 1000
const MOST_AT_ONCE = 1000
const MOST_IN_LINE = 1000

const LOOPBACK = ['127.0.0.1', '::1'] as const

interface Answer {
  addresses: readonly string[]
  /** Monotonic milliseconds until which it serves. */
  until: number
}

export interface ResolverOptions {
  lookUp?: LookUp
  /** Monotonic milliseconds. */
  monotonic?: () => number
  /** Answers remembered, look-ups under way and names that wait for one of these to end; default 1,000 each. */
  answers?: number
  atOnce?: number
  inLine?: number
  /** What one look-up has; default 10,000. */
  lookUpMs?: number
}

/**
 * From the host of a URL to the addresses that may be connected to. One address that is not allowed and the whole name is
 * refused: who mixes them means the hub to try until it gets there.
 */
export class Resolver {
  readonly #lookUp: LookUp
  readonly #monotonic: () => number
  readonly #mostAnswers: number
  readonly #mostAsked: number
  readonly #lookUpMs: number
  readonly #turns: Turns
  /** The oldest first. */
  readonly #answers = new Map<string, Answer>()
  /** Under way and in line. */
  readonly #asked = new Map<string, Promise<readonly string[]>>()

  constructor(options: ResolverOptions = {}) {
    const { answers = MOST_ANSWERS, atOnce = MOST_AT_ONCE, inLine = MOST_IN_LINE } = options
    this.#lookUp = options.lookUp ?? systemLookUp
    this.#monotonic = options.monotonic ?? (() => performance.now())
    this.#lookUpMs = options.lookUpMs ?? LOOK_UP_MS
    this.#mostAnswers = answers
    this.#mostAsked = atOnce + inLine
    this.#turns = new Turns(atOnce)
  }

  /** Names it remembers or asks for. */
  get size(): number {
    return this.#answers.size + this.#asked.size
  }

  /**
   * In the order of the resolver. None: the name is not found in time, or an address of it is not allowed, or even the
   * line for look-ups is full; the caller cannot tell which. May wait in that line longer than the caller likes, who has
   * to have a deadline. Loopback is for who says so: `localhost` and loopback addresses in the
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
    const asked = this.#asked.get(name)
    if (asked) return asked
    const answer = this.#answers.get(name)
    if (answer && this.#monotonic() < answer.until) return Promise.resolve(answer.addresses)
    if (this.#asked.size >= this.#mostAsked) return Promise.resolve([])
    const asking = this.#turns.take(() => this.#ask(name)).then((addresses) => this.#remember(name, addresses))
    this.#asked.set(name, asking)
    return asking
  }

  /** Never rejects: a name that cannot be looked up is one without addresses. */
  async #ask(name: string): Promise<readonly string[]> {
    const { promise: late, resolve } = Promise.withResolvers<readonly string[]>()
    const timer = setTimeout(resolve, this.#lookUpMs, [])
    try {
      return [...new Set(await Promise.race([this.#lookUp(name), late]))]
    } catch {
      return []
    } finally {
      clearTimeout(timer)
    }
  }

  #remember(name: string, addresses: readonly string[]): readonly string[] {
    this.#asked.delete(name)
    this.#answers.delete(name)
    this.#answers.set(name, { addresses, until: this.#monotonic() + REUSE_MS })
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= this.#mostAnswers) break
      this.#answers.delete(oldest)
    }
    return addresses
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
