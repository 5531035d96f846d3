import { Generations } from '../../core/cursor.ts'
import { HubError } from '../../core/errors.ts'
import type { StoredEvent } from '../../core/event.ts'
import type { ReadLimit, TopicsPage } from '../../core/event-log.ts'
import type { Filter } from '../../core/filter.ts'
import type { RetentionLimits } from '../retention.ts'
import type { Group, GroupOutcome, Opened, Store, StoreLastPage, StoreListener, StorePage } from '../store.ts'
import { WorkerLink } from '../worker/worker-link.ts'
import type { ReaderCalls, WriterCalls, WriterNews, WriterOpened, WriterOptions } from './messages.ts'
import { packDrafts, unpackEvents } from './packed-events.ts'

type Writer = WorkerLink<WriterCalls, WriterNews>
type Reader = WorkerLink<ReaderCalls>

const KEEPS = 'The event log'

/**
 * Events in a SQLite database, which this thread never touches: a writer and a reader worker do, so that a slow disk
 * or a long replay does not hold up the event loop (a round trip measured 9 µs).
 */
export class SqliteStore implements Store {
  readonly opened: Opened
  readonly generations: Generations
  readonly #writer: Writer
  readonly #reader: Reader

  /** @throws HubError `log-locked`, `log-unwritable`, `log-corrupt`, `log-newer`, `disk-full`, `log-failed` */
  static async open(options: WriterOptions, warn: (message: string) => void): Promise<SqliteStore> {
    // Both at once: starting a thread is most of the time an opening takes.
    const writer: Writer = new WorkerLink({ path: 'sqlite/writer', keeps: KEEPS })
    const reader: Reader = new WorkerLink({ path: 'sqlite/reader', keeps: KEEPS })
    try {
      const opened = await writer.call('open', options)
      await reader.call('open', { directory: options.directory })
      for (const warning of opened.warnings) warn(warning)
      return new SqliteStore(writer, reader, opened)
    } catch (error) {
      await writer.call('close', null).catch(() => {})
      writer.end()
      reader.end()
      throw error
    }
  }

  private constructor(writer: Writer, reader: Reader, opened: WriterOpened) {
    this.#writer = writer
    this.#reader = reader
    this.opened = opened
    this.generations = new Generations(opened.generations)
  }

  listen(listener: StoreListener): void {
    this.#writer.onNews = (removed) => listener.removed(removed)
    const failed = (error: HubError) => listener.failed(error)
    this.#writer.onFailed = failed
    this.#reader.onFailed = failed
  }

  commit({ requests, received, now }: Group): Promise<GroupOutcome> {
    const sizes = requests.map((drafts) => drafts.length)
    return this.#writer.call('commit', { sizes, received, now, drafts: packDrafts(requests) })
  }

  async read(after: number, upTo: number, filter: Filter, limit: ReadLimit): Promise<StorePage> {
    const { events, ...rest } = await this.#reader.call('read', { after, upTo, filter, limit })
    return { events: unpackEvents(events, this.generations), ...rest }
  }

  async readLast(before: number, filter: Filter, limit: ReadLimit): Promise<StoreLastPage> {
    const { events, ...rest } = await this.#reader.call('readLast', { before, filter, limit })
    return { events: unpackEvents(events, this.generations), ...rest }
  }

  async at(offset: number): Promise<StoredEvent | undefined> {
    return unpackEvents(await this.#reader.call('at', { offset }), this.generations)[0]
  }

  seek(time: number, upTo: number): Promise<number> {
    return this.#reader.call('seek', { time, upTo })
  }

  topics(filter: Filter, after: string | undefined, limit: number): Promise<TopicsPage> {
    return this.#reader.call('topics', { filter, after, limit })
  }

  erase(what: { offset: number } | { topic: string }): Promise<number> {
    return this.#writer.call('erase', what)
  }

  async probe(): Promise<void> {
    await this.#writer.call('probe', null)
  }

  async retain(limits: RetentionLimits): Promise<void> {
    await this.#writer.call('retain', limits)
  }

  async trim(now: number): Promise<void> {
    await this.#writer.call('trim', { now })
  }

  async close(): Promise<void> {
    // The writer last: the last connection takes the -wal file with it, and only one that writes can.
    try {
      await this.#reader.call('close', null).catch(unlessFailed)
      await this.#writer.call('close', null).catch(unlessFailed)
    } finally {
      this.#reader.end()
      this.#writer.end()
    }
  }
}

// A log that has failed has said so already.
function unlessFailed(error: unknown): void {
  if (!(error instanceof HubError && error.code === 'log-failed')) throw error
}
