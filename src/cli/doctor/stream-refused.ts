import { plain } from '../display.ts'

/** The hub takes no further stream now: too many are open, some of them the doctor's own. */
export class StreamRefused extends Error {
  constructor(reason: string) {
    super(`The hub takes no further stream now: ${plain(reason).replace(/\.$/, '')}.`)
    this.name = 'StreamRefused'
  }
}
