import type { Clock } from '../../core/clock.ts'
import type { OutletStore } from '../../core/outlet-store.ts'
import type { Outlet } from '../delivery/outlet.ts'
import type { Outlets } from '../delivery/outlets.ts'
import type { Progress } from '../delivery/progress.ts'
import type { Definition } from './definition.ts'
import type { Quota } from './quota.ts'

export interface RowsOptions {
  clock: Pick<Clock, 'every'>
  store: Pick<OutletStore, 'put' | 'remove'>
  outlets: Pick<Outlets, 'record'>
  /** What is to go counts until it is gone, which bounds it. */
  quota: Quota
  report: (error: unknown) => void
}

/** Between two tries of what could not be removed. */
const AGAIN_MS = 10_000

/** Subscriptions as they are stored: what was ended is gone from there in the end, however often that fails. */
export class Rows {
  readonly #options: RowsOptions
  /** To go, and not known to be gone. */
  readonly #left = new Map<string, { principal: string }>()
  readonly #undo: () => void

  constructor(options: RowsOptions) {
    this.#options = options
    this.#undo = options.clock.every(AGAIN_MS, () => void this.#again().catch(options.report))
  }

  /** Whether something of an ended one may be there still. */
  isLeft(id: string): boolean {
    return this.#left.has(id)
  }

  /** @throws as `OutletStore.put` */
  async add(id: string, definition: Definition, progress: Progress): Promise<void> {
    const { store } = this.#options
    // Deliveries that wait for one that was ended are none of this one.
    const left = this.#forget(id)
    const cleared = left && store.remove([id])
    const put = store.put({ id, definition: JSON.stringify(definition), progress: JSON.stringify(progress) })
    const [first, second] = await Promise.allSettled([put, cleared])
    const failed = first.status === 'rejected' ? first : second
    if (failed.status !== 'rejected') return
    if (left) this.#leave(id, left.principal)
    throw failed.reason
  }

  /** One that runs. @throws as `OutletStore.put` */
  async replace(id: string, definition: Definition, outlet: Outlet): Promise<void> {
    const { store, outlets, report } = this.#options
    // Its place is after deliveries that failed, so those that wait are there before it.
    const recorded = outlets.record(outlet).catch(report)
    await store.put({ id, definition: JSON.stringify(definition), progress: outlet.progressText })
    await recorded
  }

  /** What fails is tried again later, too. @throws as `OutletStore.remove` */
  async remove(rows: readonly { id: string; principal: string }[]): Promise<void> {
    if (rows.length === 0) return
    for (const { id, principal } of rows) {
      if (!this.#left.has(id)) this.#leave(id, principal)
    }
    await this.#removeLeft(rows.map(({ id }) => id))
  }

  close(): void {
    this.#undo()
  }

  async #again(): Promise<void> {
    if (this.#left.size > 0) await this.#removeLeft([...this.#left.keys()])
  }

  async #removeLeft(ids: readonly string[]): Promise<void> {
    const asked = ids.map((id) => [id, this.#left.get(id)] as const)
    await this.#options.store.remove(ids)
    for (const [id, left] of asked) {
      // Else it was made, and ended, again meanwhile.
      if (this.#left.get(id) === left) this.#forget(id)
    }
  }

  #leave(id: string, principal: string): void {
    this.#left.set(id, { principal })
    this.#options.quota.count(principal)
  }

  #forget(id: string): { principal: string } | undefined {
    const left = this.#left.get(id)
    if (!left) return undefined
    this.#left.delete(id)
    this.#options.quota.give(left.principal)
    return left
  }
}
