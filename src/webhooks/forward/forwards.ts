import type { Hub } from '../../core/hub.ts'
import type { OutletStore, StoredOutlet } from '../../core/outlet-store.ts'
import type { Outlet } from '../delivery/outlet.ts'
import type { Outlets } from '../delivery/outlets.ts'
import { newProgress, parseProgress } from '../delivery/progress.ts'
import type { About } from '../outlet-summary.ts'
import type { Plan } from '../plan.ts'
import type { ForwardSettings } from './forward-plan.ts'

/** One of the configuration, ready to run. */
export interface Forward {
  plan: Plan
  settings: ForwardSettings
}

export interface ForwardsOptions {
  hub: Pick<Hub, 'cursor' | 'log'>
  store: OutletStore
  outlets: Outlets
  report: (error: unknown) => void
}

const PREFIX = 'forward:'

export function isForward({ id }: Pick<StoredOutlet, 'id'>): boolean {
  return id.startsWith(PREFIX)
}

interface Running {
  outlet: Outlet
  settings: ForwardSettings
}

/** What the configuration sends on. Each has a place by its name, which outlasts restarts and changes of everything else. */
export class Forwards {
  readonly #options: ForwardsOptions
  readonly #running = new Map<string, Running>()

  constructor(options: ForwardsOptions) {
    this.#options = options
  }

  about({ id, plan }: Outlet): About | undefined {
    const running = this.#running.get(id)
    return (
      running && {
        principal: plan.owner,
        wants: plan.filter.patterns.map(({ text }) => text).join(' '),
        expires: null,
        arguments: {},
      }
    )
  }

  /** One that is not in the configuration any more is forgotten; a new one begins with what comes from now on. @throws as `OutletStore.put` */
  async start(forwards: readonly Forward[], stored: readonly StoredOutlet[]): Promise<void> {
    const { store } = this.#options
    const before = new Map(stored.map((outlet) => [outlet.id, outlet]))
    for (const forward of forwards) {
      const known = before.get(forward.plan.id)
      before.delete(forward.plan.id)
      const progress = known ? parseProgress(known.progress) : await this.#put(forward.plan)
      this.#add(forward, progress, known?.waiting ?? [])
    }
    if (before.size > 0) await store.remove([...before.keys()])
  }

  /**
   * Others in the place of those that run, of which those that stay go on where they are. One that is gone stops at once, and
   * what is under way of it ends.
   * @returns what makes them count, which does not throw. @throws as `OutletStore.put`; nothing has changed then
   */
  async prepare(forwards: readonly Forward[]): Promise<() => void> {
    const { store, report } = this.#options
    const added: { forward: Forward; progress: ReturnType<typeof newProgress> }[] = []
    try {
      for (const forward of forwards) {
        if (this.#running.has(forward.plan.id)) continue
        added.push({ forward, progress: await this.#put(forward.plan) })
      }
    } catch (error) {
      if (added.length > 0) await store.remove(added.map(({ forward }) => forward.plan.id)).catch(report)
      throw error
    }
    return () => {
      this.#removeAllBut(new Set(forwards.map(({ plan }) => plan.id)))
      for (const forward of forwards) this.#change(forward)
      for (const { forward, progress } of added) this.#add(forward, progress, [])
    }
  }

  #removeAllBut(kept: ReadonlySet<string>): void {
    const { store, outlets, report } = this.#options
    const gone = [...this.#running.keys()].filter((id) => !kept.has(id))
    for (const id of gone) {
      outlets.remove(this.#running.get(id)!.outlet)
      this.#running.delete(id)
    }
    // What is left behind is forgotten at the next start.
    if (gone.length > 0) void store.remove(gone).catch(report)
  }

  #change({ plan, settings }: Forward): void {
    const running = this.#running.get(plan.id)
    if (!running || Bun.deepEquals(running.settings, settings)) return
    running.settings = settings
    this.#options.outlets.replan(running.outlet, plan)
    // The change may be what it takes to get through.
    running.outlet.revive()
  }

  #add({ plan, settings }: Forward, ...place: [ReturnType<typeof newProgress>, StoredOutlet['waiting']]): void {
    this.#running.set(plan.id, { outlet: this.#options.outlets.add(plan, ...place), settings })
  }

  async #put({ id }: Plan): Promise<ReturnType<typeof newProgress>> {
    const { hub, store } = this.#options
    const progress = newProgress(hub.cursor(hub.log.head))
    await store.put({ id, definition: '{}', progress: JSON.stringify(progress) })
    return progress
  }
}
