/** Types of the module a hub serves at `/client.js`. */

/** One event as the hub stores it. */
export interface HubEvent<Data = unknown> {
  /** The publisher's, or `evt_` and the cursor. Unique within its topic. */
  id: string
  /** Its place in the log: what to resume after. */
  cursor: string
  topic: string
  type: string
  /** RFC 3339. */
  time: string
  data: Data
}

/** Events this reader was to get are gone, or (`unknown`) its cursor is none of this hub's: fetch your state anew. */
export interface Gap {
  requested: string
  resumedFrom: string
  reason: 'expired' | 'unknown'
}

/** What the hub grants this stream; `topics` and `types` are already narrowed to what may be read. */
export interface Open {
  connection: string
  cursor: string
  topics: string[]
  types: string[]
  /** `local`, `anonymous`, `key:ci`, `sub:alice`. */
  principal: string
  heartbeatMs: number
}

export interface Waiting {
  /** The hub's own close reason (`max-age`, `shutdown`, …), or `lost`, `silent` (half-open), `ticket` (the callback failed). */
  reason: string
  retryMs: number
  /** With `lost`: what was answered instead of a stream, if anything was. */
  status?: number
  /** With `ticket`: what the callback threw. */
  error?: unknown
}

export interface Refusal {
  /** 400, 401 or 403; absent when the hub ended the stream and does not want this client back. */
  status?: number
  /** The problem's stable code. */
  code?: string
  /** A sentence that says what to do. */
  detail?: string
}

/** What `POST /tickets` answers, or the parts of it that count. `expires`: RFC 3339, or milliseconds. */
export type Ticket = { expires?: string | number } & ({ ticket: string } | { url: string })

export interface ConnectOptions<Data = unknown> {
  /** The hub; default: where this module came from. */
  url?: string | URL
  /** A pattern or a list of them; default: everything one may read. */
  topics?: string | string[]
  types?: string | string[]
  /** Where to start, once: a duration (`10m`), a time, `earliest`, or a cursor that was kept. Default: now. */
  since?: string
  /** Start with the newest so many. */
  last?: number
  /** Asked for a ticket at first, before one ends and after one was refused. When it fails it is asked again. */
  ticket?: () => Promise<Ticket>
  /** Send the cookies of the hub's site from a page of another origin. */
  withCredentials?: boolean
  /** One stream for all tabs of this origin to which the hub grants the same; default true. */
  share?: boolean
  /** Every event, of any type, in log order, each once. `text` is the hub's own JSON: numbers keep all their digits. */
  event?: (event: HubEvent<Data>, text: string) => void
  gap?: (gap: Gap) => void
  state?: {
    (name: 'connecting' | 'closed'): void
    (name: 'live', open: Open): void
    (name: 'reconnecting', why: Waiting): void
    /** It will not try again. */
    (name: 'refused', why: Refusal): void
  }
}

export interface EventStream {
  /** Everything up to here was handed to `event`; '' before the stream is open. */
  readonly cursor: string
  /** Nothing is called any more after `state('closed')`. */
  close(): void
}

export function connect<Data = unknown>(options?: ConnectOptions<Data>): EventStream
