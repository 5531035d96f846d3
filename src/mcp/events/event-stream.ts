import { SERVER_INFO_META_KEY, SUBSCRIPTION_ID_META_KEY } from '@modelcontextprotocol/server'
import type { CloseReason } from '../../core/close-reason.ts'
import type { Principal } from '../../core/principal.ts'
import type { Carrier, Lasting } from '../carrier.ts'
import { messageFrame } from '../json-rpc.ts'
import type { Outbox } from '../outbox.ts'
import type { EventFeed } from './event-feed.ts'
import { type Notice, noticeOf, type Told, toldFrame, type Voice } from './told.ts'

/** Writes one thing; a promise when it has to wait for room. */
type Write = (told: Told) => Promise<void> | undefined

export interface Through {
  carrier: Carrier
  notify: (notice: Notice) => Promise<void>
  /** Aborted when the request was cancelled, or its session ended. */
  signal: AbortSignal
}

export interface ServerInfo {
  name: string
  title: string
  version: string
}

export interface EventStreamOptions {
  feed: EventFeed
  voice: Voice
  /** Named in the final result. */
  server: ServerInfo
  /** Those that are open: it leaves them when it ends. No closures here: they would keep the request and its SDK server. */
  open: Set<EventStream>
  report: (error: unknown) => void
}

/** One `events/stream` that is open, by whatever its messages travel. Never more is taken of the hub than was written. */
export class EventStream implements Lasting {
  readonly #options: EventStreamOptions

  constructor(options: EventStreamOptions) {
    this.#options = options
  }

  get principal(): Principal {
    return this.#options.feed.principal
  }

  /** Ends it with its last word. Idempotent. */
  end(reason: CloseReason): void {
    this.#options.feed.close(reason)
  }

  close(): void {
    this.end('client-gone')
  }

  writeInto(outbox: Outbox): void {
    const { voice, server, report } = this.#options
    const write: Write = (told) => {
      const room = outbox.room()
      if (!room) {
        outbox.push(toldFrame(told, voice))
        return undefined
      }
      return room.then(() => {
        this.#options.feed.progress()
        outbox.push(toldFrame(told, voice))
      })
    }
    this.#run(write)
      .then((reason) => {
        const { id } = voice
        const _meta = { [SUBSCRIPTION_ID_META_KEY]: id, [SERVER_INFO_META_KEY]: server }
        outbox.push(messageFrame({ jsonrpc: '2.0', id, result: { resultType: 'complete', _meta } }))
        outbox.finish(reason)
      })
      .catch((error) => {
        report(error)
        outbox.close('internal')
      })
  }

  /** Resolves to the result when the stream is over. */
  async through({ carrier, notify, signal }: Through): Promise<{ _meta: Record<string, unknown> }> {
    const { feed, voice } = this.#options
    const gone = (): void => feed.close('client-gone')
    const signals = [signal, ...(carrier.gone ? [carrier.gone] : [])]
    for (const each of signals) {
      each.addEventListener('abort', gone, { once: true })
      if (each.aborted) gone()
    }
    const isGone = (): boolean => signals.some(({ aborted }) => aborted)
    const send = async (told: Told): Promise<void> => {
      feed.progress()
      if (!isGone()) await notify(noticeOf(told, voice))
    }
    try {
      await this.#run((told) => (carrier.send ? carrier.send(() => send(told)) : send(told)))
    } catch (error) {
      feed.close('client-gone')
      // Nobody is there any more.
      if (!isGone()) throw error
    } finally {
      for (const each of signals) each.removeEventListener('abort', gone)
    }
    return { _meta: { [SUBSCRIPTION_ID_META_KEY]: voice.id } }
  }

  async #run(write: Write): Promise<CloseReason> {
    const { feed, open } = this.#options
    try {
      for (;;) {
        for (const told of feed.take()) {
          const written = write(told)
          if (written) await written
        }
        if (feed.ended !== undefined) return feed.ended
        await feed.more()
      }
    } finally {
      open.delete(this)
    }
  }
}
