import { HubError } from '../../core/errors.ts'
import type { Commit, EventLog, Removal } from '../../core/event-log.ts'
import { filterOf, filterType } from '../../core/filter.ts'
import { parsePattern } from '../../core/pattern.ts'
import { TopicIndex } from '../../core/topic-index.ts'
import { Turns } from '../../core/turns.ts'
import type { Notice } from './notice.ts'
import type { Pacing } from './pacing.ts'

const MAX_SEEN = 10_000
const LOOK_UPS_AT_ONCE = 8
const MAX_LOOK_UPS = LOOK_UPS_AT_ONCE + 256
/** Commits to one topic while it is looked up; with more it is told without knowing. */
const MAX_COMMITS = 64

/** A topic that may be new, until the log has said how many events it has. */
interface Question {
  /** The first offset of the topic that this was asked for. */
  first: number
  type: string
  /** What commits have brought it since, all together, up to their last offset. */
  brought: { upTo: number; events: number }[]
  /** Something of it was taken away meanwhile. */
  removed: boolean
}

/** What one commit has for one topic. */
interface Share {
  first: number
  last: number
  events: number
  type: string
}

/**
 * Tells who watches for topics that were not there. The log does not say what is new, so it is asked once for a topic not
 * seen lately: new is one whose events are all of the commits since. In doubt it is told: a notice too many harms nobody.
 * At work only while somebody watches; then a commit costs its distinct topics.
 */
export class TopicNews {
  readonly #log: EventLog
  readonly #pacing: Pacing
  readonly #report: (error: unknown) => void
  readonly #turns = new Turns(LOOK_UPS_AT_ONCE)
  readonly #index = new TopicIndex<Notice>()
  #watching = 0
  #undo: (() => void)[] = []
  /** Topics that are there, and their last offset; the first is forgotten first. */
  #seen = new Map<string, number>()
  #questions = new Map<string, Question>()

  constructor(log: EventLog, pacing: Pacing, report: (error: unknown) => void) {
    this.#log = log
    this.#pacing = pacing
    this.#report = report
  }

  add(notice: Notice): void {
    for (const pattern of notice.watched.filter.patterns) this.#index.add(pattern, notice)
    if (this.#watching++ > 0) return
    this.#undo = [
      this.#log.onCommit((commit) => this.#look(commit)),
      this.#log.onRemoval((removal) => this.#forget(removal)),
    ]
  }

  remove(notice: Notice): void {
    for (const pattern of notice.watched.filter.patterns) this.#index.remove(pattern, notice)
    if (--this.#watching > 0) return
    for (const undo of this.#undo) undo()
    this.#undo = []
    this.#seen = new Map()
    this.#questions = new Map()
  }

  #look(commit: Commit): void {
    for (const [topic, share] of sharesOf(commit)) {
      const question = this.#questions.get(topic)
      if (question) this.#bring(question, share)
      else if (this.#seen.has(topic)) this.#see(topic, share.last)
      else if (this.#watched(topic)) this.#ask(topic, share)
    }
  }

  #ask(topic: string, share: Share): void {
    if (this.#questions.size >= MAX_LOOK_UPS) {
      this.#see(topic, share.last)
      this.#tell(topic, share)
      return
    }
    const question: Question = { first: share.first, type: share.type, brought: [], removed: false }
    this.#bring(question, share)
    this.#questions.set(topic, question)
    void this.#turns.take(() => this.#answer(topic, question))
  }

  #bring({ brought }: Question, share: Share): void {
    if (brought.length > MAX_COMMITS) return
    brought.push({ upTo: share.last, events: (brought.at(-1)?.events ?? 0) + share.events })
  }

  /** Never rejects. */
  async #answer(topic: string, question: Question): Promise<void> {
    // Nobody watches any more, or others do.
    const wanted = (): boolean => this.#questions.get(topic) === question
    if (!wanted()) return
    let isNew = true
    try {
      const { topics } = await this.#log.topics(filterOf([parsePattern(topic)], []), undefined, 1)
      isNew = couldBeNew(question, topics[0])
    } catch (error) {
      const known = error instanceof HubError && (error.code === 'log-failed' || error.code === 'log-closed')
      if (!known) this.#report(error)
    }
    if (!wanted()) return
    this.#questions.delete(topic)
    if (!question.removed) this.#see(topic, question.brought.at(-1)!.upTo)
    if (isNew || question.removed) this.#tell(topic, question)
  }

  #see(topic: string, offset: number): void {
    this.#seen.delete(topic)
    this.#seen.set(topic, offset)
    if (this.#seen.size <= MAX_SEEN) return
    for (const oldest of this.#seen.keys()) {
      this.#seen.delete(oldest)
      return
    }
  }

  /** A topic goes with its last event: once that is gone it is asked about again. */
  #forget(removal: Removal): void {
    for (const [topic, offset] of this.#seen) {
      const within = offset > removal.from && offset <= removal.upTo
      if (within && removal.gone({ offset, topic })) this.#seen.delete(topic)
    }
    for (const [topic, question] of this.#questions) {
      question.removed ||= question.brought.some(({ upTo }) => removal.gone({ offset: upTo, topic }))
    }
  }

  #watched(topic: string): boolean {
    let watched = false
    this.#index.match(topic, () => {
      watched = true
    })
    return watched
  }

  #tell(topic: string, { first, type }: Pick<Share, 'first' | 'type'>): void {
    this.#index.match(topic, (notice) => {
      if (first > notice.after && filterType(notice.watched.filter, type)) this.#pacing.changed(notice)
    })
  }
}

/** Whether all events of the topic may have come since the question. What the log has announced is in `brought`. */
function couldBeNew({ brought }: Question, found: { events: number; lastOffset: number } | undefined): boolean {
  if (!found || brought.length > MAX_COMMITS) return true
  const since = brought.findLast(({ upTo }) => upTo <= found.lastOffset)
  return found.events <= (since?.events ?? 0)
}

function sharesOf({ events }: Commit): Map<string, Share> {
  const shares = new Map<string, Share>()
  for (const { topic, type, offset } of events) {
    const share = shares.get(topic)
    if (share) {
      share.last = offset
      share.events++
    } else shares.set(topic, { first: offset, last: offset, events: 1, type })
  }
  return shares
}
