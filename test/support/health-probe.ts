import type { Executable } from './executable.ts'
import { Follower } from './follower.ts'
import { residentBytes } from './process.ts'

export interface Health {
  probes: number
  /** Milliseconds from publishing to the last of the readers having it: the middle one. */
  median: number
  /** Bytes, the most that were resident. */
  resident: number
}

/** Healthy readers of one server, and what they see of it while something else goes on. */
export class HealthProbe {
  readonly #server: Executable
  readonly #readers: readonly Follower[]
  #number = 0

  private constructor(server: Executable, readers: readonly Follower[]) {
    this.#server = server
    this.#readers = readers
  }

  static async open(server: Executable, readers: number): Promise<HealthProbe> {
    const all = Array.from({ length: readers }, async () =>
      (await Follower.open(`${server.url}/events/probe`)).opened(),
    )
    return new HealthProbe(server, await Promise.all(all))
  }

  /** Publishes twenty times a second and waits for each event at every reader, until `until` settles. */
  async during(until: Promise<unknown>): Promise<Health> {
    let over = false
    until.then(
      () => {
        over = true
      },
      () => {
        over = true
      },
    )
    const taken: number[] = []
    let resident = 0
    while (!over) {
      taken.push(await this.#probe())
      resident = Math.max(resident, residentBytes(this.#server.pid))
      await Bun.sleep(50)
    }
    taken.sort((a, b) => a - b)
    return { probes: taken.length, median: taken[taken.length >> 1] ?? 0, resident }
  }

  /** So many were published so far. */
  get probes(): number {
    return this.#number
  }

  /** Every reader has had every probe, once and in order, on the one stream it opened. */
  get undisturbed(): boolean {
    const all = Array.from({ length: this.#number }, (_, index) => String(index + 1)).join()
    return this.#readers.every(
      (reader) => reader.ended === 'no' && reader.events.map(({ data }) => data).join() === all,
    )
  }

  close(): void {
    for (const reader of this.#readers) reader.stop()
  }

  async #probe(): Promise<number> {
    const text = String(++this.#number)
    const started = performance.now()
    const answer = await fetch(`${this.#server.url}/events/probe`, { method: 'POST', body: text })
    if (!answer.ok) throw new Error(`A probe was refused with ${answer.status}: ${await answer.text()}`)
    while (this.#readers.some((reader) => reader.events.at(-1)?.data !== text)) {
      if (performance.now() - started > 60_000) throw new Error('A probe did not reach every reader in a minute.')
      await Bun.sleep(1)
    }
    return performance.now() - started
  }
}
