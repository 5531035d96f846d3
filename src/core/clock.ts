/** Time, chance and the event loop, handed in so that the core stays a function of its inputs. */
export interface Clock {
  /** Milliseconds since 1970, as the machine says; it may jump. */
  now(): number
  /** Milliseconds that only go forward, for ages and timeouts. */
  monotonic(): number
  /** In [0, 1). */
  random(): number
  /** Calls `run` every `ms`; the result stops it and may be called twice. MUST NOT keep the process alive. */
  every(ms: number, run: () => void): () => void
  /** Resolves after other work that waits on the event loop (sockets, timers) had its turn. */
  yield(): Promise<void>
}
