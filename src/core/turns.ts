/** At most so many at a time; the others wait in line, whose length is for those to bound who send into it. */
export class Turns {
  readonly #line: (() => void)[] = []
  #free: number

  constructor(most: number) {
    this.#free = most
  }

  async take<T>(run: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((begin) => this.#line.push(begin))
    try {
      return await run()
    } finally {
      const next = this.#line.shift()
      if (next) next()
      else this.#free++
    }
  }
}
