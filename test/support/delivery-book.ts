import type { Received } from './webhook-receiver.ts'

/** One POST of an event, and how it was answered. */
export interface Entry {
  id: string
  /** Of the event, as JSON. */
  data: string
  at: number
  /** `undefined`: not answered yet. */
  status: number | undefined
}

/** Every attempt that came to one receiver, in order. */
export class DeliveryBook {
  readonly entries: Entry[] = []

  /** Keeps one that came, and answers it as `answer` says. */
  keep(answer: (received: Received) => number | Promise<number>): (received: Received) => Promise<Response> {
    return async (received) => {
      const entry: Entry = {
        id: received.id,
        data: JSON.stringify(received.json.data.data),
        at: performance.now(),
        status: undefined,
      }
      this.entries.push(entry)
      const status = await answer(received)
      entry.status = status
      return new Response(null, { status })
    }
  }

  /** Ids of what was taken, each once. */
  get taken(): Set<string> {
    return new Set(this.entries.filter(({ status }) => status === 204).map(({ id }) => id))
  }

  /** Those that came once more after they had been taken: the time at which they were, each. */
  get repeated(): Entry[] {
    const first = new Map<string, Entry>()
    return this.entries.flatMap((entry) => {
      const before = first.get(entry.id)
      if (before) return [before]
      if (entry.status === 204) first.set(entry.id, entry)
      return []
    })
  }
}
