import { HubError } from '../../core/errors.ts'
import type { Ask, Failure, Told } from './messages.ts'

type Calls = Record<string, { ask: unknown; answer: unknown }>

interface Pending {
  resolve(answer: never): void
  reject(error: HubError): void
}

export interface WorkerPlace {
  /** Below `src/storage`, without `.worker.ts`; `packaging/executable.ts` names it too. */
  path: string
  /** What it keeps, as sentences begin: `The event log`. */
  keeps: string
}

/** The main thread's end of a worker: calls are carried out in order, each with one answer. */
export class WorkerLink<C extends object, News = never> {
  readonly #worker: Worker
  readonly #keeps: string
  readonly #pending = new Map<number, Pending>()
  #calls = 0
  #closed = false
  #failure: HubError | undefined
  onNews: (news: News) => void = () => {}
  onFailed: (error: HubError) => void = () => {}

  constructor({ path, keeps }: WorkerPlace) {
    const name = path.slice(path.lastIndexOf('/') + 1)
    this.#keeps = keeps
    this.#worker = new Worker(workerUrl(path))
    this.#worker.onmessage = ({ data }: MessageEvent<Told>) => this.#receive(data)
    this.#worker.onerror = (event) => {
      event.preventDefault()
      this.#fail(`${keeps}'s ${name} stopped: ${event.message}`)
    }
    this.#worker.addEventListener('close', () => this.#fail(`${keeps}'s ${name} ended.`))
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
    this.#reject(new HubError('log-closed', `${this.#keeps} was closed; ask again when the hub is back.`))
    this.#worker.terminate()
  }

  #receive(told: Told): void {
    if ('news' in told) {
      this.onNews(told.news as News)
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

// From source workers lie beside this folder; `bun build --compile` (1.4.5) keeps them under their path below src/ and
// puts this module at the root, so `new URL('../x', import.meta.url)` differs.
function workerUrl(path: string): string {
  const fromSource = import.meta.url.endsWith('.ts')
  return new URL(fromSource ? `../${path}.worker.ts` : `./storage/${path}.worker.js`, import.meta.url).href
}
