const PAUSE_MS = 10
const PATIENCE_MS = 5_000

export interface CountingPublisherOptions {
  /** The next number waits so long after the answer to the one before. */
  pauseMs?: number
  /** PEM: who signed the certificate of an https URL. */
  ca?: string
}

/**
 * Publishes 1, 2, 3, … to one topic until it is stopped, whatever happens to the hub meanwhile: a number that was not
 * acknowledged is sent again, which its id makes harmless.
 */
export class CountingPublisher {
  /** The last number that was acknowledged. */
  acknowledged = 0
  /** The longest time between two acknowledgements. */
  longestWaitMs = 0
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly #options: CountingPublisherOptions
  readonly #ended: Promise<void>
  #stopping = false
  #refusal: string | undefined

  /** @param url `http://127.0.0.1:3000/events/count` */
  constructor(url: string, headers: Record<string, string> = {}, options: CountingPublisherOptions = {}) {
    this.#url = url
    this.#headers = headers
    this.#options = options
    this.#ended = this.#run()
  }

  /** @returns the last number, once it is acknowledged. @throws when one was refused for good */
  async stop(): Promise<number> {
    this.#stopping = true
    await this.#ended
    if (this.#refusal !== undefined) throw new Error(this.#refusal)
    return this.acknowledged
  }

  async #run(): Promise<void> {
    let last = performance.now()
    while (!this.#stopping && this.#refusal === undefined) {
      if (await this.#send(this.acknowledged + 1)) {
        this.acknowledged++
        this.longestWaitMs = Math.max(this.longestWaitMs, performance.now() - last)
        last = performance.now()
      }
      await Bun.sleep(this.#options.pauseMs ?? PAUSE_MS)
    }
  }

  async #send(number: number): Promise<boolean> {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    try {
      const { ca } = this.#options
      const request = { method: 'POST', headers: this.#headers, body: `${number}`, signal, ...(ca && { tls: { ca } }) }
      const answer = await fetch(`${this.#url}?id=n${number}`, request)
      const text = await answer.text()
      if (answer.ok) return true
      // A hub that is stopping says so; anything else another try does not change.
      if (answer.status !== 503) this.#refusal = `The number ${number} was refused: ${answer.status} ${text}`
    } catch {
      // Nobody was there, or went before the answer.
    }
    return false
  }
}
