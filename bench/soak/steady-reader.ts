import { get } from '../http-text.ts'
import type { Ledger } from './ledger.ts'
import { StreamSocket } from './stream-socket.ts'

const NUMBER = /"n":(\d+)/
/** Many come back at once after a restart; each waits a time of its own. */
const RETRY_MS = 100
const RETRY_SPREAD_MS = 900
/** A stream says something at once: who is told nothing for so long was forgotten. */
const ANSWER_MS = 15_000

export interface SteadyReaderOptions {
  port: number
  /** Asked for again with `Last-Event-ID` whenever a connection ends. */
  path: string
  authorization: string
  ledger: Ledger
  /** `book`: every event has the number after the one before. `none`: only read, and come back. */
  check: 'book' | 'none'
}

/** A reader that stays, resumes, and knows what must come next: the numbers of its group, each once and in order. */
export class SteadyReader {
  /** The newest number it was given. */
  number = -1
  events = 0
  missing = 0
  twice = 0
  gaps = 0
  connections = 0
  /** It waits to come back, or has no first answer yet. */
  apart = true
  readonly #options: SteadyReaderOptions
  #lastEventId = ''
  #text = ''
  #socket: StreamSocket | undefined
  #timer: Timer | undefined
  #stopped = false

  constructor(options: SteadyReaderOptions) {
    this.#options = options
    this.#connect()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#socket?.hangUp('fin')
  }

  #connect(): void {
    const { port, path, authorization } = this.#options
    const resume: Record<string, string> = this.#lastEventId === '' ? {} : { 'last-event-id': this.#lastEventId }
    this.#text = ''
    this.connections++
    this.#socket = new StreamSocket({
      port,
      request: get(path, { accept: 'text/event-stream', authorization, ...resume }),
      onBody: (part) => this.#read(part),
      onEnd: () => this.#ended(),
    })
    this.#timer = setTimeout(() => this.#forgotten(), ANSWER_MS)
  }

  #forgotten(): void {
    const { ledger, path, check } = this.#options
    const sentence = `${path} said nothing for ${ANSWER_MS / 1000} s, status ${this.#socket?.status}`
    if (check === 'book') ledger.wrong(sentence)
    else ledger.count('streams of the floor that said nothing')
    this.#socket?.hangUp('rst')
  }

  #ended(): void {
    clearTimeout(this.#timer)
    this.apart = true
    if (this.#stopped) return
    const status = this.#socket?.status ?? 0
    const { ledger, path } = this.#options
    if (status !== 0 && status !== 200 && !ledger.isAway) ledger.wrong(`${path} was answered with ${status}`)
    this.#timer = setTimeout(() => this.#connect(), RETRY_MS + Math.random() * RETRY_SPREAD_MS)
  }

  #read(part: Buffer): void {
    if (this.apart) clearTimeout(this.#timer)
    this.apart = false
    if (this.#options.check === 'none') return
    const frames = (this.#text + part.toString('latin1')).split('\n\n')
    this.#text = frames.pop()!
    for (const frame of frames) this.#take(frame)
  }

  #take(frame: string): void {
    if (frame.includes('event: $gap')) this.gaps++
    else if (!frame.includes('event: $')) {
      const number = NUMBER.exec(frame)?.[1]
      if (number !== undefined) this.#event(Number(number))
    }
    const id = /^id: ?(.+)$/m.exec(frame)?.[1]
    if (id !== undefined) this.#lastEventId = id
  }

  #event(number: number): void {
    this.events++
    if (this.number >= 0 && number <= this.number) {
      this.twice++
      return
    }
    if (this.number >= 0) this.missing += number - this.number - 1
    this.number = number
  }
}
