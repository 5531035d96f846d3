/** Of base 36: a thousand streams a second for two years. */
const DIGITS = 7

/** Ids in ascending order, as a list goes on after the last id of a page; and no other run's, by chance. */
export class ConnectionIds {
  readonly #random: () => number
  #sequence = 0

  /** @param random from 0 to below 1 */
  constructor(random: () => number) {
    this.#random = random
  }

  /** `con_0000001k3j5x2` */
  next(): string {
    const number = (++this.#sequence).toString(36).padStart(DIGITS, '0')
    return `con_${number}${Math.floor(this.#random() * 1e9).toString(36)}`
  }
}
