import type { Ledger } from './ledger.ts'

export const GROUPS = 10
const TOPICS_A_GROUP = 20
const BEAT_MS = 100
const EVENTS_A_BEAT = 3
/** Each group sends so many at once now and then. */
const BURST = 200
const BURST_EVERY_MS = 20_000
const SMALL = 'x'.repeat(150)
const LARGE = 'x'.repeat(6 * 1024)
const LARGE_EVERY = 10

/** Of the whole of it, bursts included. */
export const EVENTS_PER_SECOND = GROUPS * (EVENTS_A_BEAT * (1000 / BEAT_MS) + BURST / (BURST_EVERY_MS / 1000))

export interface PublisherOptions {
  url: string
  headers: Record<string, string>
  ledger: Ledger
}

/**
 * Ten groups of topics, `soak/<group>/<topic>`, each with numbers of its own that go up by one. Whatever is not answered
 * is sent again, with the same ids, until it is: so every number is in the log, once.
 */
export class Publisher {
  /** The newest number of each group that was answered. */
  readonly numbers: number[] = Array(GROUPS).fill(-1)
  readonly #options: PublisherOptions
  readonly #lanes: Promise<void>[]
  #stopped = false

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#lanes = this.numbers.map((_, group) => this.#lane(group))
  }

  /** Resolves when what was begun is answered. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#lanes)
  }

  async #lane(group: number): Promise<void> {
    let burstAt = performance.now() + (BURST_EVERY_MS * (group + 1)) / GROUPS
    let beatAt = performance.now() + (BEAT_MS * group) / GROUPS
    while (!this.#stopped) {
      const bursts = performance.now() >= burstAt
      if (bursts) burstAt += BURST_EVERY_MS
      await this.#send(group, bursts ? BURST : EVENTS_A_BEAT)
      // After a pause nothing is made up for.
      beatAt = Math.max(beatAt + BEAT_MS, performance.now() - BEAT_MS)
      await Bun.sleep(Math.max(0, beatAt - performance.now()))
    }
  }

  async #send(group: number, count: number): Promise<void> {
    const { url, headers, ledger } = this.#options
    const first = this.numbers[group]! + 1
    const body = JSON.stringify(Array.from({ length: count }, (_, index) => event(group, first + index)))
    for (;;) {
      try {
        const response = await fetch(`${url}/events`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body,
          signal: AbortSignal.timeout(10_000),
        })
        const text = await response.text()
        if (response.status === 201 || response.status === 200) break
        ledger.failed(`A publish was answered with ${response.status}`, text.slice(0, 200))
      } catch (error) {
        ledger.failed('A publish failed', error)
      }
      await Bun.sleep(50 + Math.random() * 100)
    }
    this.numbers[group] = first + count - 1
    ledger.count('events published', count)
  }
}

function event(group: number, number: number): object {
  const pad = number % LARGE_EVERY === 0 ? LARGE : SMALL
  const topic = `soak/${group}/${number % TOPICS_A_GROUP}`
  return { topic, type: 'tick', id: `${group}-${number}`, data: { n: number, pad } }
}
