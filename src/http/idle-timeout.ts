/** Bun (1.4.5) closes after 255 s at the latest. */
const SECONDS = { least: 60, most: 255 }

/** Read whenever a stream begins. */
export interface Heartbeats {
  heartbeatMs: number
}

interface Server {
  timeout(request: Request, seconds: number): void
}

/** A reader that takes a large chunk slowly is not idle; a quiet stream writes a heartbeat long before. */
export function idleTimeoutS(heartbeatMs: number): number {
  return Math.min(SECONDS.most, Math.max(SECONDS.least, Math.ceil(heartbeatMs / 1000) * 2))
}

/** After how long without a byte in either direction a socket is closed. */
export class IdleTimeout {
  /** Of the server: it cannot be changed while that listens. */
  readonly serverS: number
  readonly #heartbeats: Readonly<Heartbeats>
  readonly #seconds: (heartbeatMs: number) => number

  constructor(heartbeats: Readonly<Heartbeats>, seconds = idleTimeoutS) {
    this.#heartbeats = heartbeats
    this.#seconds = seconds
    this.serverS = seconds(heartbeats.heartbeatMs)
  }

  /** For a stream that begins: its heartbeats may be others than those the server began with. */
  begin(server: Server | null, request: Request): void {
    const seconds = this.#seconds(this.#heartbeats.heartbeatMs)
    if (seconds !== this.serverS) server?.timeout(request, seconds)
  }
}
