import type { Webhooks } from './webhooks.ts'

/** Webhooks from the first that somebody asks for on: a hub that has none starts and stays as light as one without. */
export class WebhooksOnDemand {
  readonly #load: () => Promise<Webhooks>
  #loading: Promise<Webhooks> | undefined

  /** @param load once; when it rejects, the next one who asks tries again */
  constructor(load: () => Promise<Webhooks>) {
    this.#load = load
  }

  get(): Promise<Webhooks> {
    this.#loading ??= this.#load().catch((error) => {
      this.#loading = undefined
      throw error
    })
    return this.#loading
  }

  /** What is there, if it is. */
  async begun(): Promise<Webhooks | undefined> {
    try {
      return await this.#loading
    } catch {
      // Whoever asked for it was told.
      return undefined
    }
  }
}
