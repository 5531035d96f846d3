import { Follower } from './follower.ts'

/** The streams of one test, which end with it. */
export class Followers {
  readonly #followers: Follower[] = []

  /** Resolves when the stream has said its first word. */
  async open(url: string, headers: Record<string, string> = {}): Promise<Follower> {
    const follower = await Follower.open(url, { headers })
    this.#followers.push(follower)
    return follower.opened()
  }

  stop(): void {
    for (const follower of this.#followers.splice(0)) follower.stop()
  }
}
