import type { EncodeEvents } from '../core/batch.ts'
import { closeReasons } from '../core/close-reason.ts'
import type { Control } from '../core/delivery.ts'
import { type Filter, filterDocument } from '../core/filter.ts'
import { controlFrame, encodeEnvelopes, encodeFrames, encodeLines, positionFrame, retryField } from './encode.ts'

/** How one stream wants its bytes (docs/wire.md sections 2 to 5). */
export interface FormatOptions {
  kind: 'sse' | 'ndjson'
  /** SSE only: `data:` is the whole event. */
  envelope: boolean
  /** Whether `$open`, `$gap`, `$closing` and `$error` are sent. */
  control: boolean
  /** Heartbeats as `$heartbeat` events instead of comments. */
  heartbeatEvent: boolean
}

/** What control events say that is the same for all streams of a hub. */
export interface StreamFacts {
  cursor: (offset: number) => string
}

export interface Format {
  contentType: string
  /** Sent at once: Bun 1.4.5 withholds the response head until there is a first byte. */
  hello(retryMs: number): string
  events: EncodeEvents
  control(delivery: Control, owner: StreamOwner, facts: StreamFacts): string
}

/** Whose stream it is. */
export interface StreamOwner {
  id: string
  filter: Filter
  /** `key:ci` */
  principalId: string
  heartbeatMs: number
}

/** All formats there are: ten thousand streams share these few objects. */
export class Formats {
  readonly #made = new Map<string, Format>()

  get(options: FormatOptions): Format {
    const key = Object.values(options).join()
    let format = this.#made.get(key)
    if (!format) {
      format = options.kind === 'ndjson' ? ndjson(options) : sse(options)
      this.#made.set(key, format)
    }
    return format
  }
}

function sse({ envelope, control, heartbeatEvent }: FormatOptions): Format {
  return {
    contentType: 'text/event-stream',
    hello: (retryMs) => `: mcp-sse\n${retryField(retryMs)}`,
    events: envelope ? encodeEnvelopes : encodeFrames,
    control(delivery, owner, facts) {
      const id = adoptedPosition(delivery, facts)
      if (delivery.kind === 'heartbeat') {
        return heartbeatEvent ? controlFrame('$heartbeat', {}, id) : positionFrame(id!)
      }
      const retry = delivery.kind === 'closing' && hasRetry(delivery) ? retryField(delivery.retryMs) : ''
      if (control) return retry + controlFrame(`$${delivery.kind}`, controlData(delivery, owner, facts), id)
      return retry + (id === undefined ? '' : positionFrame(id))
    },
  }
}

/** An EventSource comes back whatever `reconnect` says: one that is not to, late. */
function hasRetry({ reason, reconnect }: Control & { kind: 'closing' }): boolean {
  return reconnect || closeReasons[reason].delay === 'long'
}

function ndjson({ control, heartbeatEvent }: FormatOptions): Format {
  return {
    contentType: 'application/x-ndjson',
    hello: () => '\n',
    events: encodeLines,
    control(delivery, owner, facts) {
      // Blank lines are what NDJSON readers skip.
      if (delivery.kind === 'heartbeat' ? !heartbeatEvent : !control) return '\n'
      const cursor = adoptedPosition(delivery, facts)
      const data = controlData(delivery, owner, facts)
      return `${JSON.stringify({ type: `$${delivery.kind}`, ...(cursor === undefined ? {} : { cursor }), data })}\n`
    },
  }
}

/** The position a client may take over from this delivery (docs/wire.md section 3). */
function adoptedPosition(delivery: Control, { cursor }: StreamFacts): string | undefined {
  switch (delivery.kind) {
    case 'open':
      return delivery.adopt ? cursor(delivery.position) : undefined
    case 'gap':
      return cursor(delivery.resumedFrom)
    case 'heartbeat':
      return cursor(delivery.position)
    case 'error':
    case 'closing':
      return undefined
  }
}

function controlData(
  delivery: Control,
  { id, filter, principalId, heartbeatMs }: StreamOwner,
  facts: StreamFacts,
): object {
  switch (delivery.kind) {
    case 'open':
      return {
        connection: id,
        cursor: facts.cursor(delivery.position),
        ...filterDocument(filter),
        principal: principalId,
        heartbeatMs,
      }
    case 'gap': {
      const { requested, resumedFrom, reason } = delivery
      return { requested, resumedFrom: facts.cursor(resumedFrom), reason }
    }
    case 'heartbeat':
      return {}
    case 'error':
      return { code: delivery.code, message: delivery.message }
    case 'closing': {
      const { reason, reconnect, retryMs } = delivery
      return { reason, reconnect, retryMs }
    }
  }
}
