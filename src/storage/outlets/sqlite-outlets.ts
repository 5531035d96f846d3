import { HubError } from '../../core/errors.ts'
import type { OutletChange, OutletStore, StoredOutlet, VerifiedCallback } from '../../core/outlet-store.ts'
import { WorkerLink } from '../worker/worker-link.ts'
import type { OpenedOutlets, OutletCalls, OutletStep } from './messages.ts'

/** Calls that were made and not answered; above that `overloaded`. */
export const MAX_WAITING = 10_000
const MAX_GROUP = 1_000
const RETRY_MS = 1_000

interface Waiting {
  step: OutletStep
  resolve(): void
  reject(error: unknown): void
}

/**
 * Outlets in a SQLite database of their own, which only its worker touches. What was asked for while the last
 * transaction ran goes into the next one, so that thousands of changes share one sync of the disk.
 */
export class SqliteOutlets implements OutletStore {
  readonly durable = true
  readonly outlets: readonly StoredOutlet[]
  readonly verified: readonly VerifiedCallback[]
  readonly #worker: WorkerLink<OutletCalls>
  #waiting: Waiting[] = []
  #unanswered = 0
  /** While a transaction runs. */
  #running: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #failure: HubError | undefined

  /** @throws HubError `log-unwritable`, `log-corrupt`, `log-newer`, `disk-full`, `log-failed` */
  static async open(directory: string, warn: (message: string) => void): Promise<SqliteOutlets> {
    const worker = new WorkerLink<OutletCalls>({ path: 'outlets/outlets', keeps: 'The webhook store' })
    try {
      const opened = await worker.call('open', { directory })
      for (const warning of opened.warnings) warn(warning)
      return new SqliteOutlets(worker, opened)
    } catch (error) {
      worker.end()
      throw error
    }
  }

  private constructor(worker: WorkerLink<OutletCalls>, { outlets, verified }: OpenedOutlets) {
    this.#worker = worker
    this.outlets = outlets
    this.verified = verified
  }

  put(outlet: Omit<StoredOutlet, 'waiting'>): Promise<void> {
    return this.#ask({ put: outlet })
  }

  remove(ids: readonly string[]): Promise<void> {
    return this.#ask({ remove: ids })
  }

  record(changes: readonly OutletChange[]): Promise<void> {
    return this.#ask({ record: changes })
  }

  verify(callback: VerifiedCallback): Promise<void> {
    return this.#ask({ verify: callback })
  }

  forgetVerified(callbacks: readonly Pick<VerifiedCallback, 'principal' | 'url'>[]): Promise<void> {
    return this.#ask({ forgetVerified: callbacks })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #ask(step: OutletStep): Promise<void> {
    if (this.#closing) return Promise.reject(closed())
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.#unanswered >= MAX_WAITING) return Promise.reject(tooMany())
    this.#unanswered++
    return new Promise((resolve, reject) => {
      this.#waiting.push({ step, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  async #run(): Promise<void> {
    // What is asked for in the same turn belongs together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0, MAX_GROUP))
    this.#running = undefined
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const steps = group.map(({ step }) => step)
    const sync = steps.some((step) => !('record' in step))
    try {
      if (this.#failure) throw this.#failure
      await this.#worker.call('commit', { steps, sync })
      for (const { resolve } of group) resolve()
    } catch (error) {
      // What a failed sync has left on the disk nobody can tell (fsync(2)): nothing is promised after it.
      if (error instanceof HubError && error.code === 'log-failed') this.#failure = error
      for (const { reject } of group) reject(error)
    } finally {
      this.#unanswered -= group.length
    }
  }

  async #close(): Promise<void> {
    await this.#running
    try {
      await this.#worker.call('close', null)
    } catch (error) {
      // A store that has failed has said so already.
      if (!(error instanceof HubError && error.code === 'log-failed')) throw error
    } finally {
      this.#worker.end()
    }
  }
}

function closed(): HubError {
  return new HubError('log-closed', 'The webhook store was closed; ask again when the hub is back.')
}

function tooMany(): HubError {
  return new HubError('overloaded', 'The disk is behind with what webhooks have to remember; ask again.', {
    retryAfterMs: RETRY_MS,
  })
}
