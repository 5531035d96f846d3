import type { Database } from 'bun:sqlite'
import { exactTopics, type Filter, filterTopic } from '../../core/filter.ts'
import { ImpossibleRow } from './sqlite-error.ts'

/** Names remembered at a time; above it all are forgotten and looked up again. */
const REMEMBERED_NAMES = 50_000
/** Filters whose verdicts are remembered: about one per kind of reader that is catching up. */
const REMEMBERED_FILTERS = 64
/** Topics looked through in one read to find those that match: about 2 ms. */
const LEARNED_A_READ = 4_000
/** Up to here a pattern is read by the topics it matches, above it by scanning. */
export const FEW_TOPICS = 16

/** The reader's id → name. Ids never come back, so what is remembered stays true. */
export class TopicNames {
  readonly #names = new Map<number, string>()
  readonly #verdicts = new Map<string, Verdicts>()
  readonly #select
  readonly #find
  readonly #learn

  constructor(database: Database) {
    this.#select = database.prepare<{ name: string }, [number]>('SELECT name FROM topics WHERE id = ?')
    this.#find = database.prepare<{ id: number }, [string]>('SELECT id FROM topics WHERE name = ?')
    this.#learn = database.prepare<{ id: number; name: string }, [number, number]>(
      'SELECT id, name FROM topics WHERE id > ? ORDER BY id LIMIT ?',
    )
  }

  /** Of a topic that has events in this state of the log. @throws ImpossibleRow when there is none: who has the id is damaged */
  nameOf(id: number): string {
    const known = this.#names.get(id)
    if (known !== undefined) return known
    const found = this.#select.get(id)
    if (!found) throw new ImpossibleRow(`no topic ${id}`)
    return this.#remember(id, found.name)
  }

  /** The topics to read by, or `undefined` when there are too many to know or to go by. */
  idsOf(filter: Filter): number[] | undefined {
    const exact = exactTopics(filter)
    if (exact) return exact.flatMap((topic) => this.#find.get(topic)?.id ?? [])
    const verdicts = this.verdicts(filter)
    if (verdicts.many) return undefined
    const learned = this.#learn.all(verdicts.learnedTo, LEARNED_A_READ)
    for (const { id, name } of learned) {
      if (!this.#names.has(id)) this.#remember(id, name)
      verdicts.learn(id)
    }
    return verdicts.many || learned.length === LEARNED_A_READ ? undefined : verdicts.ids
  }

  verdicts(filter: Filter): Verdicts {
    let verdicts = this.#verdicts.get(filter.key)
    if (verdicts) {
      this.#verdicts.delete(filter.key)
    } else {
      verdicts = new Verdicts((id) => filterTopic(filter, this.nameOf(id)))
      const eldest = this.#verdicts.size >= REMEMBERED_FILTERS ? this.#verdicts.keys().next().value : undefined
      if (eldest !== undefined) this.#verdicts.delete(eldest)
    }
    this.#verdicts.set(filter.key, verdicts)
    return verdicts
  }

  #remember(id: number, name: string): string {
    if (this.#names.size >= REMEMBERED_NAMES) this.#names.clear()
    this.#names.set(id, name)
    return name
  }
}

/** Which topics one filter matches, found out as they turn up. */
export class Verdicts {
  readonly #decide: (id: number) => boolean
  readonly #known = new Map<number, boolean>()
  /** Matching topics up to `learnedTo`, while they are few. */
  readonly ids: number[] = []
  learnedTo = 0
  many = false
  /** Share of the scanned rows that matched last time: whether to read rows whole or to skim first. */
  density = 0

  constructor(decide: (id: number) => boolean) {
    this.#decide = decide
  }

  matches(id: number): boolean {
    const known = this.#known.get(id)
    if (known !== undefined) return known
    if (this.#known.size >= REMEMBERED_NAMES) this.#known.clear()
    const verdict = this.#decide(id)
    this.#known.set(id, verdict)
    return verdict
  }

  /** Topics are learned in the order of their ids. */
  learn(id: number): void {
    this.learnedTo = id
    if (!this.many && this.matches(id)) this.ids.push(id)
    if (this.ids.length > FEW_TOPICS) this.many = true
  }
}
