import { get } from '../http-text.ts'
import type { Ledger } from './ledger.ts'
import { StreamSocket } from './stream-socket.ts'

const LIFE_MS = 4_000
/** What never finishes its request stays this long. */
const SILENT_MS = 20_000
/** A hub that keeps what is over would let them pile up: none is opened above this. */
const MOST = 2_000

const ways = ['fin', 'rst', 'half', 'unfinished', 'silent'] as const
type Way = (typeof ways)[number]
/** In a hundred. */
const SHARE: Record<Way, number> = { fin: 40, rst: 35, half: 10, unfinished: 8, silent: 7 }

export interface ChurnOptions {
  port: number
  perSecond: number
  /** One of these is asked for each time; asked anew, for what runs out. */
  request(): string
  ledger: Ledger
  /** Begins the names of what is counted. */
  name: string
}

/** A request of a stream. */
export function streamRequest(path: string, headers: Record<string, string> = {}): string {
  return get(path, { accept: 'text/event-stream', ...headers })
}

/** Connections that come and go, half of them without a goodbye, some without even a whole request. */
export class Churn {
  readonly #options: ChurnOptions
  readonly #open = new Set<StreamSocket>()
  readonly #timers = new Set<Timer>()
  #beat: Timer | undefined

  constructor(options: ChurnOptions) {
    this.#options = options
  }

  start(): void {
    this.#beat ??= setInterval(() => this.#one(), 1000 / this.#options.perSecond)
  }

  /** No more, and what is open goes at once. */
  stop(): void {
    clearInterval(this.#beat)
    this.#beat = undefined
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    for (const socket of this.#open) socket.hangUp('fin')
  }

  #one(): void {
    const { port, request, ledger, name } = this.#options
    if (this.#open.size >= MOST) {
      ledger.count(`${name}: not opened, ${MOST} are open`)
      return
    }
    const way = drawn()
    const whole = request()
    const sent = way === 'silent' ? '' : way === 'unfinished' ? whole.slice(0, whole.length / 2) : whole
    const socket = new StreamSocket({ port, request: sent, onEnd: () => this.#open.delete(socket) })
    this.#open.add(socket)
    ledger.count(`${name}: ${way}`)
    const silent = way === 'unfinished' || way === 'silent'
    this.#in(silent ? SILENT_MS : Math.random() * LIFE_MS, () => {
      socket.hangUp(silent ? 'rst' : way)
      if (way === 'half') this.#in(LIFE_MS, () => socket.hangUp('rst'))
    })
  }

  #in(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, ms)
    this.#timers.add(timer)
  }
}

function drawn(): Way {
  let left = Math.random() * 100
  for (const way of ways) {
    left -= SHARE[way]
    if (left < 0) return way
  }
  return 'fin'
}
