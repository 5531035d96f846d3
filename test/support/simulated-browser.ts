/** What a browser runs for one tab, when the test says so. Ends with the tab. */
interface Task {
  tab: number
  run: () => void
}

interface Request {
  tab: number
  name: string
  lead: () => Promise<void> | undefined
}

/** The hub's side: events of topic `a` are for the tabs, others only move the head. */
export class SimulatedHub {
  epoch = 0
  /** `offsets[0]` is the first event ever. Which of them the tabs listen to, and in which epoch it was written. */
  events: { mine: boolean; epoch: number }[] = []
  /** Where each epoch begins: the number of events before it. */
  starts = [0]

  publish(mine: boolean): void {
    this.events.push({ mine, epoch: this.epoch })
  }

  /** A crash that takes the newest `lost` events, as `durability = "normal"` may. */
  crash(lost: number): void {
    this.events.splice(Math.max(0, this.events.length - lost))
    this.epoch++
    this.starts.push(this.events.length)
  }

  cursor(offset: number): string {
    const epoch = this.starts.findLastIndex((start, index) => index === 0 || offset > start)
    return `${epoch}.${offset}`
  }

  /** `undefined`: no place in this log. */
  resolve(cursor: string): number | undefined {
    const [epoch, offset] = cursor.split('.').map(Number) as [number, number]
    const start = this.starts[epoch]
    const end = Math.min(...this.starts.slice(epoch + 1), this.events.length)
    return start !== undefined && offset >= start && offset <= end ? offset : undefined
  }
}

/**
 * Tabs of one site: EventSource, BroadcastChannel, locks and timers as far as `/client.js` needs them, in one process. Every
 * message, lock and timer waits until the test picks it, so that every order the standards allow may come up.
 */
export class SimulatedBrowser {
  readonly hub = new SimulatedHub()
  /** Who the hub takes a tab for; a tab may log in as somebody else, which counts from its next stream on. */
  readonly principals = new Map<number, string>()
  tab = 0
  readonly #sources = new Set<SimulatedSource>()
  readonly #channels = new Set<{ tab: number; name: string; onmessage?: (message: { data: unknown }) => void }>()
  /** First in, first out for each pair of sender and receiver. */
  readonly #mail = new Map<string, Task[]>()
  readonly #waiting: Request[] = []
  readonly #held = new Map<string, Request>()
  readonly #timers = new Map<number, Task & { again: boolean }>()
  readonly #gone = new Set<number>()
  #sequence = 0

  /** Puts itself in the place of the globals; the result undoes it. */
  install(): () => void {
    const browser = this
    const globals = {
      location: { href: 'http://site.example/', origin: 'http://site.example' },
      navigator: { locks: { request: (...args: Parameters<SimulatedBrowser['lock']>) => this.lock(...args) } },
      setTimeout: (run: () => void) => this.#timer(run, false),
      setInterval: (run: () => void) => this.#timer(run, true),
      clearTimeout: (id: number) => this.#timers.delete(id),
      clearInterval: (id: number) => this.#timers.delete(id),
      EventSource: class extends SimulatedSource {
        constructor(url: string) {
          super(browser.hub, browser.tab, browser.principals.get(browser.tab) ?? 'local', url, () =>
            browser.#sources.delete(this),
          )
          browser.#sources.add(this)
        }
      },
      BroadcastChannel: class {
        readonly tab = browser.tab
        onmessage?: (message: { data: unknown }) => void
        readonly name: string
        constructor(name: string) {
          this.name = name
          browser.#channels.add(this)
        }
        postMessage(data: unknown) {
          browser.#post(this, structuredClone(data))
        }
        close() {
          browser.#channels.delete(this)
        }
      },
    }
    const before = Object.keys(globals).map(
      (name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const,
    )
    for (const [name, value] of Object.entries(globals)) {
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
    }
    return () => {
      for (const [name, descriptor] of before) {
        if (descriptor) Object.defineProperty(globalThis, name, descriptor)
        else delete (globalThis as Record<string, unknown>)[name]
      }
    }
  }

  get streams(): number {
    return this.#sources.size
  }

  /** Everything that may happen next, each only once and only while it still may. `timers`: which of them may fire; a tab's watchdog is an interval. */
  choices(timers: 'none' | 'once' | 'all'): Task[] {
    const tasks: Task[] = []
    for (const source of this.#sources) if (source.ready) tasks.push({ tab: source.tab, run: () => source.step() })
    for (const mail of this.#mail.values()) {
      const [first] = mail
      if (!first) continue
      tasks.push({ tab: first.tab, run: () => mail.shift()?.run() })
    }
    const granted = this.#waiting.find((request) => !this.#held.has(request.name))
    if (granted) tasks.push({ tab: granted.tab, run: () => this.#grant(granted) })
    if (timers !== 'none') {
      for (const [id, timer] of this.#timers) {
        if (timer.again && timers === 'once') continue
        const run = () => {
          if (!this.#timers.has(id)) return
          if (!timer.again) this.#timers.delete(id)
          timer.run()
        }
        tasks.push({ tab: timer.tab, run })
      }
    }
    return tasks
  }

  async run({ tab, run }: Task): Promise<void> {
    this.tab = tab
    if (!this.#gone.has(tab)) run()
    // What the task set off without waiting for the browser.
    for (let turn = 0; turn < 12; turn++) await Promise.resolve()
  }

  /** What tabs have told each other arrives. */
  async deliverMail(): Promise<void> {
    for (const mail of this.#mail.values()) {
      for (let task = mail.shift(); task; task = mail.shift()) await this.run(task)
    }
  }

  /** The streams of all tabs, or of one, are cut. */
  async cut(tab?: number): Promise<void> {
    for (const source of [...this.#sources]) {
      if (tab === undefined || source.tab === tab) await this.run({ tab: source.tab, run: () => source.fail() })
    }
  }

  /** Closed or crashed: nothing of it runs any more, what it had sent still arrives. */
  kill(tab: number): void {
    this.#gone.add(tab)
    for (const source of this.#sources) if (source.tab === tab) this.#sources.delete(source)
    for (const mail of this.#mail.values()) if (mail[0]?.tab === tab) mail.length = 0
    for (const channel of this.#channels) if (channel.tab === tab) this.#channels.delete(channel)
    for (const [id, timer] of this.#timers) if (timer.tab === tab) this.#timers.delete(id)
    for (const [name, holder] of this.#held) if (holder.tab === tab) this.#held.delete(name)
    for (const request of [...this.#waiting])
      if (request.tab === tab) this.#waiting.splice(this.#waiting.indexOf(request), 1)
  }

  lock(name: string, { signal }: { signal: AbortSignal }, lead: Request['lead']): Promise<void> {
    const request = { tab: this.tab, name, lead }
    this.#waiting.push(request)
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        const place = this.#waiting.indexOf(request)
        if (place >= 0) this.#waiting.splice(place, 1)
        reject(new Error('aborted'))
      })
    })
  }

  #grant(request: Request): void {
    if (!this.#waiting.includes(request) || this.#held.has(request.name)) return
    this.#waiting.splice(this.#waiting.indexOf(request), 1)
    this.#held.set(request.name, request)
    request.lead()?.then(() => {
      if (this.#held.get(request.name) === request) this.#held.delete(request.name)
    })
  }

  #post(from: { tab: number; name: string }, data: unknown): void {
    for (const channel of this.#channels) {
      if (channel === from || channel.name !== from.name) continue
      const pair = `${from.tab} ${channel.tab}`
      const mail = this.#mail.get(pair) ?? []
      this.#mail.set(pair, mail)
      const run = () => this.#channels.has(channel) && channel.onmessage?.({ data })
      mail.push({ tab: channel.tab, run })
    }
  }

  #timer(run: () => void, again: boolean): number {
    this.#timers.set(++this.#sequence, { tab: this.tab, run, again })
    return this.#sequence
  }
}

type Listener = (message: { data: string; lastEventId: string }) => void

class SimulatedSource {
  static readonly CLOSED = 2
  readyState = 0
  onerror?: () => void
  readonly tab: number
  readonly #hub: SimulatedHub
  readonly #principal: string
  readonly #listeners = new Map<string, Listener>()
  readonly #forget: () => void
  readonly #asked: URLSearchParams
  #position: number | undefined
  #id = ''

  constructor(hub: SimulatedHub, tab: number, principal: string, url: string, forget: () => void) {
    this.tab = tab
    this.#principal = principal
    this.#hub = hub
    this.#asked = new URL(url).searchParams
    this.#forget = forget
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener)
  }

  close(): void {
    this.readyState = SimulatedSource.CLOSED
    this.#forget()
  }

  fail(): void {
    this.onerror?.()
  }

  get ready(): boolean {
    return this.#position === undefined || this.#position < this.#hub.events.length
  }

  /** The next thing that arrives. */
  step(): void {
    if (this.readyState === SimulatedSource.CLOSED) return
    if (this.#position === undefined) this.#open()
    else {
      const next = this.#hub.events.findIndex(({ mine }, index) => mine && index >= this.#position!)
      if (next < 0) {
        this.#position = this.#hub.events.length
        this.#emit('$heartbeat', {}, this.#hub.cursor(this.#position))
      } else {
        this.#position = next + 1
        const cursor = this.#hub.cursor(this.#position)
        const data = `${this.#position} of ${this.#hub.events[next]!.epoch}`
        this.#emit('message', { cursor, data, principal: this.#principal }, cursor)
      }
    }
  }

  #open(): void {
    const last = this.#asked.get('last_event_id')
    const head = this.#hub.events.length
    const since = this.#asked.get('since') === 'earliest' ? 0 : head
    const place = last === null ? since : this.#hub.resolve(last)
    this.#position = place ?? head
    const cursor = this.#hub.cursor(this.#position)
    const open = { cursor, principal: this.#principal, topics: ['a'], types: [], heartbeatMs: 15_000 }
    this.#emit('$open', open, place === undefined ? '' : cursor)
    if (place === undefined && this.readyState !== SimulatedSource.CLOSED) {
      this.#emit('$gap', { requested: last, resumedFrom: cursor, reason: 'unknown' }, cursor)
    }
  }

  #emit(type: string, data: object, id: string): void {
    this.#id = id || this.#id
    this.#listeners.get(type)?.({ data: JSON.stringify(data), lastEventId: this.#id })
  }
}
