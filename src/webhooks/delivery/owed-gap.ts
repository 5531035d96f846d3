export interface OwedGapOptions {
  /** As it was stored. */
  owed: boolean
  /** Resolves to whether it was heard. Never rejects. */
  tell: () => Promise<boolean>
  /** What is owed has changed, and is to be recorded. */
  changed: () => void
}

/** That something is missing, until it was heard: it outlasts failures and restarts. */
export class OwedGap {
  readonly #options: OwedGapOptions
  #owed: boolean
  #telling = false

  constructor(options: OwedGapOptions) {
    this.#options = options
    this.#owed = options.owed
  }

  get owed(): boolean {
    return this.#owed
  }

  owe(): void {
    this.#owed = true
    this.#options.changed()
  }

  /** If it is owed, and not being told already. */
  tell(): void {
    if (!this.#owed || this.#telling) return
    this.#telling = true
    void this.#options.tell().then((heard) => {
      this.#telling = false
      if (!heard) return
      this.#owed = false
      this.#options.changed()
    })
  }
}
