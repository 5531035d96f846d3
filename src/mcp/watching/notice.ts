import type { Watched } from '../catalogue/catalogue.ts'
import type { Told } from '../watching.ts'

/** One URI of one watch, and how its watcher stands with it. */
export class Notice {
  readonly uri: string
  readonly watched: Watched
  readonly told: Told
  /** What was committed up to this offset was there before anybody watched. */
  readonly after: number
  /** Monotonic milliseconds at which it was told last. */
  toldAt = Number.NEGATIVE_INFINITY
  /** It has changed since it was told, and is told once a second is over. */
  waiting = false
  /** Nobody was there to be told. */
  kept = false

  constructor(uri: string, watched: Watched, told: Told, after: number) {
    this.uri = uri
    this.watched = watched
    this.told = told
    this.after = after
  }
}
