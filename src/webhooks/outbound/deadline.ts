/** The time one POST has, from the look-up of its name to the last byte it reads, and what else may end it. */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #timer: ReturnType<typeof setTimeout>
  readonly #caller: AbortSignal | undefined
  readonly #end = () => this.#controller.abort()
  #passed = false

  /** @param caller ends it as well */
  constructor(ms: number, caller: AbortSignal | undefined) {
    this.#timer = setTimeout(() => {
      this.#passed = true
      this.#end()
    }, ms)
    this.#caller = caller
    if (caller?.aborted) this.#end()
    caller?.addEventListener('abort', this.#end, { once: true })
  }

  /** Of what is under way. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether it was time that ended it. */
  get passed(): boolean {
    return this.#passed
  }

  /** What `promise`, which knows nothing of the signal, gives before the end. @throws what it does, and `AbortError` */
  async within<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this
    signal.throwIfAborted()
    const { promise: ended, reject } = Promise.withResolvers<never>()
    const end = () => reject(signal.reason)
    signal.addEventListener('abort', end, { once: true })
    try {
      return await Promise.race([promise, ended])
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  /** Ends what is under way. Idempotent. */
  abort(): void {
    this.#end()
  }

  /** It is of no use any more. Idempotent. */
  release(): void {
    clearTimeout(this.#timer)
    this.#caller?.removeEventListener('abort', this.#end)
  }
}
