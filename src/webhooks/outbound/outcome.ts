/** Why a callback did not take something: the closed list that senders are told (SEP-3415, `deliveryStatus.lastError`). */
export const failures = [
  'connection_refused',
  'timeout',
  'tls_error',
  'http_4xx',
  'http_5xx',
  'challenge_failed',
] as const

export type Failure = (typeof failures)[number]

/** What became of one POST. */
export type Outcome =
  | {
      kind: 'answered'
      status: number
      /** At most as many bytes as were asked for; more is not read. */
      body: Uint8Array
      /** Of `Retry-After` in seconds, at most an hour. */
      retryAfterMs: number | undefined
    }
  /** A name that is not found, an address that is not allowed and a reset are `connection_refused`: it says nothing of what is there. */
  | { kind: 'failed'; failure: Failure }

/** Which addresses may be connected to. */
export interface AddressRule {
  /** Loopback, and plain http to it. */
  readonly loopback: boolean
  /** Any address but loopback, and plain http: only where the operator wrote the URL. */
  readonly private: boolean
}

export const PUBLIC_ONLY: AddressRule = Object.freeze({ loopback: false, private: false })

export interface OutboundRequest {
  url: URL
  rule: AddressRule
  headers: Readonly<Record<string, string>>
  body: string
  timeoutMs: number
  /** Of the answer's body. */
  readBytes: number
  signal?: AbortSignal | undefined
}

/** Sends what the hub sends by itself: to a checked address, never after a redirect, never through a proxy. */
export interface Outbound {
  /** Never rejects. */
  post(request: OutboundRequest): Promise<Outcome>
}
