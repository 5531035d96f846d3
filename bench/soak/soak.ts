import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../server.ts'
import { Backups } from './backups.ts'
import { fileBytes, footprint } from './footprint.ts'
import { SoakedHub } from './hub.ts'
import { KeptProcess } from './kept-process.ts'
import { Ledger } from './ledger.ts'
import { Load } from './load.ts'
import { EVENTS_PER_SECOND, GROUPS } from './publisher.ts'
import { Receiver } from './receiver.ts'
import type { Crowd, Life, Sample } from './sample.ts'
import { Scrape } from './scrape.ts'

/** Of the whole run: three stops and one kill; the last life is the longest. */
const ENDS = [
  { part: 0.12, signal: 'SIGTERM' },
  { part: 0.24, signal: 'SIGTERM' },
  { part: 0.36, signal: 'SIGKILL' },
  { part: 0.48, signal: 'SIGTERM' },
] as const
const RELOAD_EVERY_MS = 60_000
const BACKUP_EVERY_MS = 180_000

export interface SoakResult {
  seconds: number
  form: string
  samples: Sample[]
  lives: Life[]
  ledger: Ledger
  readers: { events: number; connections: number; missing: number; twice: number; gaps: number; behind: number }
  forward: { wanted: number; missing: number; posts: number; refused: number; again: number }
  backups: string
  /** Warnings and errors that the hub wrote, at most 40. */
  said: string[]
}

/** One run, on real sockets, beside a bare server under the same connections. */
export class Soak {
  readonly #seconds: number
  readonly #say: (line: string) => void
  readonly #directory = mkdtempSync(join(tmpdir(), 'mcp-sse-soak-'))
  readonly #ledger = new Ledger()
  readonly #receiver = new Receiver()
  readonly #samples: Sample[] = []
  readonly #lives: Life[] = []
  readonly #begun = performance.now()
  #crowd: Crowd = 'settling'
  #life = { number: 0, begun: 0, readyMs: 0 }
  #scrape: Scrape | undefined
  #hub!: SoakedHub
  #floor!: KeptProcess

  constructor(seconds: number, say: (line: string) => void) {
    this.#seconds = seconds
    this.#say = say
  }

  async run(): Promise<SoakResult> {
    const floorPort = await freePort()
    this.#hub = new SoakedHub(this.#directory, await freePort(), this.#receiver.url)
    const script = join(import.meta.dir, 'floor-server.ts')
    this.#floor = new KeptProcess({
      command: [process.execPath, 'run', script, ...[floorPort, GROUPS, EVENTS_PER_SECOND].map(String)],
      directory: this.#directory,
      environment: {},
      output: join(this.#directory, 'floor.log'),
      readyUrl: `http://127.0.0.1:${floorPort}/ready`,
    })
    try {
      await this.#begin()
      return await this.#course(new Load(this.#hub, floorPort, this.#ledger), new Backups(this.#hub, this.#ledger))
    } finally {
      for (const each of [this.#hub.process, this.#floor]) if (each.running) await each.end('SIGKILL')
      await this.#receiver.stop()
      rmSync(this.#directory, { recursive: true, force: true })
    }
  }

  async #course(load: Load, backups: Backups): Promise<SoakResult> {
    const calm = Math.min(60, Math.max(8, this.#seconds * 0.04))
    const every = Math.min(5, Math.max(1, this.#seconds / 180))
    const sampling = setInterval(() => void this.#sample(), every * 1000)
    const reloading = setInterval(() => this.#reload(), Math.min(RELOAD_EVERY_MS, this.#seconds * 100))
    const backing = setInterval(() => void backups.one(), Math.min(BACKUP_EVERY_MS, this.#seconds * 150))
    try {
      await this.#together(load)
      this.#become('full')
      load.come()
      for (const { part, signal } of ENDS) {
        await this.#until(this.#seconds * part)
        const last = part === ENDS.at(-1)!.part
        if (last) {
          load.go()
          this.#become('settling')
        }
        await this.#restart(signal)
        await this.#together(load)
        if (!last) continue
        await Bun.sleep(calm * 500)
        this.#become('before')
        await Bun.sleep(calm * 500)
        this.#become('full')
        load.come()
      }
      await this.#until(this.#seconds - 2 * calm)
      load.go()
      this.#receiver.kind = true
      this.#become('settling')
      await Bun.sleep(calm * 1500)
      this.#become('after')
      await Bun.sleep(calm * 500)
    } finally {
      for (const timer of [sampling, reloading, backing]) clearInterval(timer)
      load.go()
    }
    await load.publisher.stop()
    const behind = await load.behind(20_000)
    const forward = await this.#forwarded(load.publisher.numbers[0]!)
    await this.#sample()
    load.stop()
    await backups.done
    await this.#end('SIGTERM')
    return {
      seconds: (performance.now() - this.#begun) / 1000,
      form: this.#hub.form,
      samples: this.#samples,
      lives: this.#lives,
      ledger: this.#ledger,
      readers: { ...sums(load.steady), behind },
      forward,
      backups: backups.summary,
      said: await this.#said(),
    }
  }

  async #begin(): Promise<void> {
    const [readyMs] = await Promise.all([this.#hub.process.start(), this.#floor.start()])
    this.#life = { number: this.#lives.length, begun: performance.now(), readyMs }
    this.#ledger.back()
  }

  /** The floor is restarted too, so that both are as old. */
  async #restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#end(signal)
    await this.#begin()
    this.#say(`  ${signal}, ready again after ${this.#life.readyMs.toFixed(0)} ms`)
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#sample()
    this.#ledger.away()
    const began = performance.now()
    const [ended] = await Promise.all([this.#hub.process.end(signal), this.#floor.end('SIGKILL')])
    if (ended !== (signal === 'SIGTERM' ? 0 : signal)) this.#ledger.wrong(`The hub ended with ${ended} at ${signal}.`)
    const scrape = this.#scrape
    const ms = (name: string) => (scrape?.quantile(name, 0.99) ?? Number.NaN) * 1000
    this.#lives.push({
      ...this.#life,
      ended: `${signal} → ${ended}, ${((performance.now() - began) / 1000).toFixed(1)} s`,
      seconds: (began - this.#life.begun) / 1000,
      lagP99Ms: ms('mcp_sse_event_loop_lag_seconds'),
      commitP99Ms: ms('mcp_sse_commit_duration_seconds'),
      closed: scrape?.by('mcp_sse_streams_closed_total', 'reason') ?? {},
      removedEvents: scrape?.sum('mcp_sse_log_removed_events_total') ?? 0,
      replayedEvents: scrape?.sum('mcp_sse_replayed_events_total') ?? 0,
      attempts: scrape?.by('mcp_sse_webhook_attempts_total', 'result') ?? {},
    })
  }

  async #sample(): Promise<void> {
    if (!this.#hub.process.running || !this.#floor.running || this.#ledger.isAway) return
    const { dataDir, url, authorization } = this.#hub
    const life = this.#life
    const crowd = this.#crowd
    const now = performance.now()
    try {
      const response = await fetch(`${url}/metrics`, { headers: { authorization }, signal: AbortSignal.timeout(5_000) })
      const text = await response.text()
      if (!response.ok) throw new Error(`/metrics was answered with ${response.status}`)
      // The hub that answered may be gone by now.
      if (life !== this.#life || !this.#hub.process.running || !this.#floor.running) return
      const scrape = new Scrape(text)
      this.#scrape = scrape
      const floor = footprint(this.#floor.pid)
      this.#samples.push({
        at: (now - this.#begun) / 1000,
        life: life.number,
        age: (now - life.begun) / 1000,
        crowd,
        ...footprint(this.#hub.process.pid),
        logFileBytes: fileBytes(dataDir, 'events.db'),
        walBytes: fileBytes(dataDir, 'events.db-wal'),
        outletFileBytes: fileBytes(dataDir, 'webhooks.db'),
        connections: scrape.sum('mcp_sse_connections'),
        queuedBytes: scrape.sum('mcp_sse_queued_bytes'),
        catchingUp: scrape.sum('mcp_sse_readers_catching_up'),
        sessions: scrape.sum('mcp_sse_mcp_sessions'),
        webhookWaiting: scrape.sum('mcp_sse_webhook_waiting'),
        logEvents: scrape.sum('mcp_sse_log_events'),
        logBytes: scrape.sum('mcp_sse_log_bytes'),
        floorRssKiB: floor.rssKiB,
        floorSockets: floor.sockets,
      })
    } catch (error) {
      this.#ledger.failed('A sample failed', error)
    }
  }

  #reload(): void {
    if (this.#ledger.isAway || !this.#hub.process.running) return
    this.#hub.reload()
    this.#ledger.count('reloads (SIGHUP)')
  }

  #become(crowd: Crowd): void {
    this.#crowd = crowd
    const newest = this.#samples.at(-1)
    const rss = newest ? `, ${(newest.rssKiB / 1024).toFixed(0)} MiB, ${newest.sockets} sockets` : ''
    this.#say(`  ${((performance.now() - this.#begun) / 1000).toFixed(0)} s: ${crowd}${rss}`)
  }

  async #together(load: Load): Promise<void> {
    const deadline = performance.now() + 60_000
    while (!load.together) {
      if (performance.now() > deadline) throw new Error('The steady readers were not back 60 s after a start.')
      await Bun.sleep(50)
    }
  }

  async #until(second: number): Promise<void> {
    await Bun.sleep(Math.max(0, second * 1000 - (performance.now() - this.#begun)))
  }

  /** What the hub still owes is taken now: each number of the group, at least once. */
  async #forwarded(newest: number): Promise<SoakResult['forward']> {
    const { taken } = this.#receiver
    const deadline = performance.now() + 60_000
    while (taken.size < newest + 1 && performance.now() < deadline) await Bun.sleep(200)
    const { posts, refused, again } = this.#receiver
    return { wanted: newest + 1, missing: newest + 1 - taken.size, posts, refused, again }
  }

  async #said(): Promise<string[]> {
    const text = await Bun.file(join(this.#directory, 'hub.log')).text()
    return text
      .split('\n')
      .filter((line) => /error|warn|fail/i.test(line))
      .slice(0, 40)
  }
}

function sums(readers: Load['steady']): Omit<SoakResult['readers'], 'behind'> {
  const sum = (name: 'events' | 'connections' | 'missing' | 'twice' | 'gaps') =>
    readers.reduce((total, reader) => total + reader[name], 0)
  return {
    events: sum('events'),
    connections: sum('connections'),
    missing: sum('missing'),
    twice: sum('twice'),
    gaps: sum('gaps'),
  }
}
