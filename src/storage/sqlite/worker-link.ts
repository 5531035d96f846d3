import { HubError } from '../../core/errors.ts'
import type { Removed } from '../store.ts'
import type { Ask, Failure, Told } from './messages.ts'

type Calls = Record<string, { ask: unknown; answer: unknown }>

interface Pending {
  resolve(answer: never): void
  reject(error: HubError): void
}

/** The main thread's end of a worker: calls are carried out in order, each with one answer. */
export class WorkerLink<C extends object> {
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  #calls = 0
  #closed = false
  #failure: HubError | undefined
  onRemoved: (removed: Removed) => void = () => {}
  onFailed: (error: HubError) => void = () => {}

  constructor(name: 'writer' | 'reader') {
    this.#worker = new Worker(workerUrl(name))
    this.#worker.onmessage = ({ data }: MessageEvent<Told>) => this.#receive(data)
    this.#worker.onerror = (event) => {
      event.preventDefault()
      this.#fail(`The event log's ${name} stopped: ${event.message}`)
    }
    this.#worker.addEventListener('close', () => this.#fail(`The event log's ${name} ended.`))
  }

  call<V extends keyof C & string>(verb: V, ask: (C & Calls)[V]['ask']): Promise<(C & Calls)[V]['answer']> {
    if (this.#failure) return Promise.reject(this.#failure)
    const call = ++this.#calls
    const { promise, resolve, reject } = Promise.withResolvers<(C & Calls)[V]['answer']>()
    this.#pending.set(call, { resolve, reject })
    this.#worker.postMessage({ call, verb, ask } satisfies Ask)
    return promise
  }

  /** Ends the thread; what has not been answered never will be. */
  end(): void {
    this.#closed = true
    this.#reject(new HubError('log-closed', 'The event log was closed; ask again when the hub is back.'))
    this.#worker.terminate()
  }

  #receive(told: Told): void {
    if ('removed' in told) {
      this.onRemoved(told.removed)
      return
    }
    const pending = this.#pending.get(told.call)
    if (!pending) return
    this.#pending.delete(told.call)
    if ('failure' in told) pending.reject(toError(told.failure))
    else pending.resolve(told.answer as never)
  }

  #fail(message: string): void {
    if (this.#closed || this.#failure) return
    const error = new HubError('log-failed', `${message} Restart the hub.`)
    this.#reject(error)
    this.onFailed(error)
  }

  #reject(error: HubError): void {
    this.#failure ??= error
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
  }
}

function toError({ code, message, stack }: Failure): HubError {
  const error = new HubError(code, message)
  // Its own stack would only lead here; a log line needs the worker's.
  if (stack !== undefined) error.stack = `HubError: ${message}\n${stack}`
  return error
}

// From source the worker lies beside this file; `bun build --compile` (1.4.5) keeps workers under their path below
// src/ and puts this module at the root, so `new URL('./x', import.meta.url)` differs.
function workerUrl(name: string): string {
  const fromSource = import.meta.url.endsWith('.ts')
  return new URL(fromSource ? `./${name}.worker.ts` : `./storage/sqlite/${name}.worker.js`, import.meta.url).href
}
