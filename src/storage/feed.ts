/** Listeners of one kind, called in the order they came, in the turn of `emit`. */
export class Feed<T> {
  #listeners: readonly ((value: T) => void | Promise<void>)[] = []

  /** The result undoes it and may be called twice. */
  listen(listener: (value: T) => void | Promise<void>): () => void {
    const entry = (value: T) => listener(value)
    this.#listeners = [...this.#listeners, entry]
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== entry)
    }
  }

  /** The result, if any, resolves when every promise a listener returned is settled. */
  emit(value: T): Promise<void> | undefined {
    const running: Promise<void>[] = []
    for (const listener of this.#listeners) {
      try {
        const result = listener(value)
        if (result) running.push(result.catch(crash))
      } catch (error) {
        crash(error)
      }
    }
    return running.length > 0 ? Promise.all(running).then(() => {}) : undefined
  }
}

// A listener that throws is a bug: it ends the process, but what was committed is still told to the others first.
function crash(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}
