/** Written in one go. */
const AT_ONCE = 50

/** Subscriptions whose definition is another one than that on disk. */
export class Unsaved {
  readonly #saveOne: (id: string) => Promise<void>
  readonly #ids = new Set<string>()
  #saving: Promise<void> | undefined

  /** @param saveOne MUST NOT reject: one that cannot be written is judged again after a start anyway */
  constructor(saveOne: (id: string) => Promise<void>) {
    this.#saveOne = saveOne
  }

  add(id: string): void {
    this.#ids.add(id)
  }

  delete(id: string): void {
    this.#ids.delete(id)
  }

  /** All of them, those that come meanwhile too. */
  save(): Promise<void> {
    this.#saving ??= this.#saveAll().finally(() => {
      this.#saving = undefined
    })
    return this.#saving
  }

  async #saveAll(): Promise<void> {
    while (this.#ids.size > 0) {
      const some = [...this.#ids].slice(0, AT_ONCE)
      for (const id of some) this.#ids.delete(id)
      await Promise.all(some.map((id) => this.#saveOne(id)))
    }
  }
}
