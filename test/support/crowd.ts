import { Follower, type FollowerOptions } from './follower.ts'

const AGAIN_MS = 20

/** Readers that take every place there is: one that is refused or ended tries again at once, until all are told to go. */
export class Crowd {
  readonly #url: string
  readonly #options: FollowerOptions
  readonly #ended: Promise<unknown>
  readonly #inside = new Set<Follower>()
  #going = false

  constructor(size: number, url: string, options: FollowerOptions = {}) {
    this.#url = url
    this.#options = options
    this.#ended = Promise.all(Array.from({ length: size }, () => this.#press()))
  }

  /** Resolves when all of them have gone. @throws when one was answered by something else than a stream */
  async leave(): Promise<void> {
    this.#going = true
    for (const follower of this.#inside) follower.stop()
    await this.#ended
  }

  async #press(): Promise<void> {
    while (!this.#going) {
      const follower = await Follower.open(this.#url, this.#options)
      this.#inside.add(follower)
      while (!this.#going && follower.ended === 'no') await Bun.sleep(AGAIN_MS)
      follower.stop()
      this.#inside.delete(follower)
    }
  }
}
