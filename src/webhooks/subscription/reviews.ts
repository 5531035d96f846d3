import type { Clock } from '../../core/clock.ts'
import type { Definition } from './definition.ts'
import type { Entries, Entry } from './entries.ts'
import { type Judgement, type Judges, judge } from './judgement.ts'

export interface ReviewsOptions extends Judges {
  clock: Clock
  entries: Pick<Entries, 'ids' | 'get'>
  /** It is being written, and judged by whoever writes it. */
  isBusy: (id: string) => boolean
  /** It goes on like this. */
  stands: (id: string, entry: Entry, judgement: Judgement & { kind: 'stands' }) => void
  /** Those that were ended. What is told to none of them MUST NOT depend on another. */
  ended: (ended: readonly { id: string; entry: Entry; judgement: Judgement & { kind: 'ended' } }[]) => void
  report: (error: unknown) => void
}

/** Each is judged in about 0.15 ms. */
const AT_ONCE = 50
const TICK_MS = 1000
/** Between two times that somebody is asked about those that are unknown. */
const AGAIN_MS = 60_000

/** Judges subscriptions again: after a reload, and those whose principals are unknown, until they are known. */
export class Reviews {
  readonly #options: ReviewsOptions
  readonly #unknown = new Set<string>()
  readonly #undo: () => void
  #asking: Promise<void> | undefined
  /** Monotonic milliseconds. */
  #askFrom = 0

  constructor(options: ReviewsOptions) {
    this.#options = options
    const { clock, report } = options
    this.#undo = clock.every(TICK_MS, () => {
      if (this.#unknown.size > 0 && clock.monotonic() >= this.#askFrom) void this.#ask().catch(report)
    })
  }

  /** One that is about to run. Whether it can be said or not: nobody waits here. */
  judge(id: string, definition: Definition): Judgement {
    const judgement = judge(definition, this.#options)
    if (judgement.kind === 'stands' && !judgement.isCertain) this.#unknown.add(id)
    else this.#unknown.delete(id)
    return judgement
  }

  /** All of them. What is known counts at once; then, in one go, somebody is asked about the others. */
  async all(): Promise<void> {
    await this.#some(this.#options.entries.ids)
    // One that began before the reload may have asked somebody else.
    await this.#asking
    if (this.#unknown.size > 0) await this.#ask()
  }

  /** Before this returns. */
  one(id: string): void {
    this.#visit([id])
  }

  forget(id: string): void {
    this.#unknown.delete(id)
  }

  close(): void {
    this.#undo()
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#askOnce().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #askOnce(): Promise<void> {
    const { clock, inquire } = this.#options
    this.#askFrom = clock.monotonic() + AGAIN_MS
    await inquire()
    await this.#some([...this.#unknown])
  }

  async #some(ids: readonly string[]): Promise<void> {
    for (let index = 0; index < ids.length; index += AT_ONCE) {
      if (index > 0) await this.#options.clock.yield()
      this.#visit(ids.slice(index, index + AT_ONCE))
    }
  }

  #visit(ids: readonly string[]): void {
    const ended: { id: string; entry: Entry; judgement: Judgement & { kind: 'ended' } }[] = []
    for (const id of ids) {
      const entry = this.#options.entries.get(id)
      if (!entry || this.#options.isBusy(id)) continue
      try {
        const judgement = this.judge(id, entry.definition)
        if (judgement.kind === 'ended') ended.push({ id, entry, judgement })
        else this.#options.stands(id, entry, judgement)
      } catch (error) {
        this.#options.report(error)
      }
    }
    if (ended.length > 0) this.#options.ended(ended)
  }
}
