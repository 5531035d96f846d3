import type { StoredEvent } from '../../core/event.ts'
import type { TopicSummary, TopicsPage } from '../../core/event-log.ts'
import { type Filter, filterTopic } from '../../core/filter.ts'

interface Entry extends TopicSummary {
  byId: Map<string, StoredEvent>
}

/** Per topic: what there is, and the publishers' ids. A topic goes with its last event. */
export class MemoryTopics {
  readonly #entries = new Map<string, Entry>()

  byId(topic: string, id: string): StoredEvent | undefined {
    return this.#entries.get(topic)?.byId.get(id)
  }

  add(event: StoredEvent): void {
    let entry = this.#entries.get(event.topic)
    if (!entry) {
      entry = { topic: event.topic, events: 0, lastOffset: 0, lastReceived: 0, byId: new Map() }
      this.#entries.set(event.topic, entry)
    }
    entry.events++
    entry.lastOffset = event.offset
    entry.lastReceived = event.received
    if (event.id !== null) entry.byId.set(event.id, event)
  }

  /** `findLast` is asked when the topic's newest event went and others remain. */
  remove(event: StoredEvent, findLast: () => StoredEvent | undefined): void {
    const entry = this.#entries.get(event.topic)
    if (!entry) return
    if (event.id !== null) entry.byId.delete(event.id)
    if (--entry.events === 0) {
      this.#entries.delete(event.topic)
    } else if (entry.lastOffset === event.offset) {
      const last = findLast()
      if (last) {
        entry.lastOffset = last.offset
        entry.lastReceived = last.received
      }
    }
  }

  page(filter: Filter, after: string | undefined, limit: number): TopicsPage {
    const names = [...this.#entries.keys()]
      .filter((topic) => (after === undefined || byteOrder(topic, after) > 0) && filterTopic(filter, topic))
      .sort(byteOrder)
    const topics = names.slice(0, limit).map((name) => {
      const { topic, events, lastOffset, lastReceived } = this.#entries.get(name)!
      return { topic, events, lastOffset, lastReceived }
    })
    return { topics, next: names.length > limit ? topics.at(-1)?.topic : undefined }
  }
}

function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
