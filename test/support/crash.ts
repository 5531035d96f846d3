import { expect } from 'bun:test'
import type { EventDocument } from '../../src/core/event.ts'
import type { Block } from './block.ts'
import { CrashPublisher } from './crash-publisher.ts'
import type { Executable } from './executable.ts'
import { historyOf } from './history.ts'
import { ResumingReader } from './resuming-reader.ts'
import { until } from './until.ts'

const PUBLISHERS = 8
/** Long enough for several group commits and short enough for a hundred rounds. */
const LONGEST_LIFE_MS = 250
const MARKER = 'crash/marker'

interface Seen {
  cursor: string | undefined
  type: string
  data: string
}

/** One server that is killed again and again under the same publishers and readers. */
export class Crash {
  readonly #server: Executable
  readonly #publishers: CrashPublisher[]
  readonly #all: Follower
  readonly #some: Follower
  readonly #topics: string[]
  /** Every event found in the log so far, once. */
  readonly #kept: EventDocument[] = []
  readonly #ids = new Set<string>()
  #marker = ''
  /** Acknowledged events that were looked for and found. */
  acknowledged = 0
  /** Events of requests that were never answered and yet are in the log. */
  unacknowledged = 0

  private constructor(server: Executable) {
    this.#server = server
    this.#publishers = Array.from({ length: PUBLISHERS }, (_, n) => new CrashPublisher(server.url, `crash/${n}`))
    this.#topics = ['crash/1', 'crash/4', MARKER]
    // One scans the log and reads it in the default form; one goes by the topic index and has whole events.
    this.#all = new Follower(`${server.url}/events`)
    this.#some = new Follower(`${server.url}/events?envelope=1&${this.#topics.map((t) => `topic=${t}`).join('&')}`)
  }

  static async begin(server: Executable): Promise<Crash> {
    const crash = new Crash(server)
    await until('both readers', () => crash.#all.opened && crash.#some.opened)
    crash.#marker = await crash.#publishMarker('begin')
    await crash.#untilRead()
    expect(crash.#all.take().map(({ cursor }) => cursor)).toEqual([crash.#marker])
    crash.#some.take()
    return crash
  }

  /** Kills the server at a random moment of the publishing, starts it, and compares everybody's books. */
  async round(name: string): Promise<void> {
    const before = this.#publishers.map(({ acknowledged }) => acknowledged.size)
    const publishing = Promise.all(this.#publishers.map((publisher) => publisher.untilUnanswered()))
    await Promise.race([
      publishing,
      until('an answer to every publisher', () =>
        this.#publishers.every(({ acknowledged }, index) => acknowledged.size > before[index]!),
      ),
    ])
    // The random moment is what this is about; nothing is waited for.
    await Bun.sleep(Math.random() * LONGEST_LIFE_MS)
    await this.#server.kill('SIGKILL')
    await publishing
    await this.#server.start()
    // Half of the publishers ask again, half never do: theirs may be there or not, but never twice.
    await Promise.all(this.#publishers.map((publisher, index) => index % 2 === 0 && publisher.repeat()))
    const from = this.#marker
    this.#marker = await this.#publishMarker(name)
    await this.#untilRead()
    this.#compare(await historyOf(this.#server.url, from))
  }

  /** Nothing that survived one crash was lost in a later one, and who comes now is given each event once. */
  async end(): Promise<void> {
    await this.abandon()
    const log = await historyOf(this.#server.url, 'earliest')
    expect(log.slice(1)).toEqual(this.#kept)
    const late = new Follower(`${this.#server.url}/events?since=earliest`)
    try {
      await until('a reader of everything', () => late.place === this.#marker, 60_000)
      late.check()
      expect(late.take()).toEqual(log.map(inDefault))
    } finally {
      await late.stop()
    }
  }

  /** For when something threw before `end`. */
  async abandon(): Promise<void> {
    await Promise.all([this.#all.stop(), this.#some.stop()])
  }

  async #publishMarker(name: string): Promise<string> {
    const answer = await fetch(`${this.#server.url}/events/${MARKER}?id=${name}`, { method: 'POST', body: name })
    expect(answer.status).toBe(201)
    return ((await answer.json()) as { cursor: string }).cursor
  }

  async #untilRead(): Promise<void> {
    for (const reader of [this.#all, this.#some]) {
      await until(`a reader at ${this.#marker}; it is at ${reader.place}`, () => {
        reader.check()
        return reader.place === this.#marker
      })
    }
  }

  #compare(log: EventDocument[]): void {
    const places = log.map(({ cursor }) => Number(cursor.split('.')[1]))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    const found = new Map(log.map((event) => [`${event.topic} ${event.id}`, event]))
    expect(found.size).toBe(log.length)
    for (const event of log) {
      const name = `${event.topic} ${event.id}`
      expect(this.#ids.has(name)).toBe(false)
      this.#ids.add(name)
    }
    for (const { topic, sent, acknowledged } of this.#publishers) {
      for (const event of log) {
        if (event.topic !== topic) continue
        expect(event.data).toEqual(sent.get(event.id))
        if (!acknowledged.has(event.id)) this.unacknowledged++
      }
      const missing = [...acknowledged].filter(([id, cursor]) => found.get(`${topic} ${id}`)?.cursor !== cursor)
      expect(missing).toEqual([])
      this.acknowledged += acknowledged.size
      acknowledged.clear()
      sent.clear()
    }
    expect(this.#all.take()).toEqual(log.map(inDefault))
    const wanted = log.filter(({ topic }) => this.#topics.includes(topic))
    expect(this.#some.take()).toEqual(
      wanted.map((event) => ({ cursor: event.cursor, type: 'message', data: JSON.stringify(event) })),
    )
    this.#kept.push(...log)
  }
}

function inDefault({ cursor, type, data }: EventDocument): Seen {
  return { cursor, type, data: typeof data === 'string' ? data : JSON.stringify(data) }
}

/** A reader that resumes after every crash and keeps the events it got, in order. */
class Follower {
  /** The cursor of the newest event it got. */
  place = ''
  opened = false
  readonly #reader: ResumingReader
  #seen: Seen[] = []
  #wrong: Block | undefined

  constructor(url: string) {
    this.#reader = new ResumingReader({ url, onBlock: (block) => this.#take(block) })
  }

  /** What came since the last time. */
  take(): Seen[] {
    const seen = this.#seen
    this.#seen = []
    return seen
  }

  /** @throws when it was told of a gap, or ended */
  check(): void {
    if (this.#wrong) throw new Error(`No event is missing, yet a reader was told: ${JSON.stringify(this.#wrong)}`)
    if (this.#reader.failure) throw this.#reader.failure
  }

  stop(): Promise<void> {
    return this.#reader.stop()
  }

  #take(block: Block): void {
    if (block.type === '$open') this.opened = true
    else if (block.type.startsWith('$')) this.#wrong ??= block
    else if (block.data !== undefined) {
      this.place = block.id ?? ''
      this.#seen.push({ cursor: block.id, type: block.type, data: block.data })
    }
  }
}
