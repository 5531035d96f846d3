interface Post {
  events: { topic: string; id: string; type: string; data: unknown }[]
  /** One event, not an array of one. */
  single: boolean
}

/**
 * Publishes one request after another, single events and batches in turn, and keeps book: what it sent, what was
 * acknowledged and where, and the one request that got no answer because the server died.
 */
export class CrashPublisher {
  readonly topic: string
  /** Data by id, of everything ever sent. */
  readonly sent = new Map<string, unknown>()
  /** Cursor by id, of what was acknowledged. */
  readonly acknowledged = new Map<string, string>()
  unanswered: Post | undefined
  readonly #url: string
  #number = 0

  constructor(url: string, topic: string) {
    this.#url = url
    this.topic = topic
  }

  /** Resolves when a request is not answered. @throws when one is refused */
  async untilUnanswered(): Promise<void> {
    for (let request = 0; ; request++) {
      const size = request % 3 === 2 ? 1 + (this.#number % 20) : 1
      const post = {
        events: Array.from({ length: size }, () => this.#event()),
        single: size === 1 && request % 2 === 0,
      }
      this.unanswered = post
      if (!(await this.#send(post))) return
      this.unanswered = undefined
    }
  }

  /** The unanswered request once more, as a careful publisher does: its ids make that harmless. */
  async repeat(): Promise<void> {
    if (this.unanswered && !(await this.#send(this.unanswered))) throw new Error('There was no answer again.')
    this.unanswered = undefined
  }

  #event(): Post['events'][number] {
    const number = ++this.#number
    const data = { number, text: `line ${number}\nof ${this.topic}`, pad: 'x'.repeat(number % 97) }
    const event = { topic: this.topic, id: `n${number}`, type: number % 2 === 0 ? 'even' : 'message', data }
    this.sent.set(event.id, data)
    return event
  }

  /** @returns false when there was no whole answer. @throws when the answer was a refusal */
  async #send({ events, single }: Post): Promise<boolean> {
    const request = { method: 'POST', headers: { 'content-type': 'application/json' } }
    let answer: Response
    let text: string
    try {
      answer = await fetch(`${this.#url}/events`, { ...request, body: JSON.stringify(single ? events[0] : events) })
      text = await answer.text()
    } catch {
      return false
    }
    if (!answer.ok) throw new Error(`A publish was refused: ${answer.status} ${text}`)
    const receipts = (single ? [JSON.parse(text)] : JSON.parse(text).events) as { id: string; cursor: string }[]
    if (receipts.length !== events.length) throw new Error(`${events.length} events, ${receipts.length} receipts.`)
    for (const [index, { id, cursor }] of receipts.entries()) {
      if (id !== events[index]!.id) throw new Error(`The receipt of ${events[index]!.id} says ${id}.`)
      this.acknowledged.set(id, cursor)
    }
    return true
  }
}
