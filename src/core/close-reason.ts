/**
 * Why a stream ended. This one table feeds the last frames, the log line and the metric label.
 * `reconnect` is advice to the client; `delay` says how far apart the clients of one closing should come back:
 * `short` for one reader on its own, `spread` when many are told at once, `long` for one that is not to come back by itself,
 * which an EventSource does whatever `reconnect` says. `error` is what `$error` says first.
 */
export const closeReasons = {
  'client-gone': { reconnect: false, delay: 'short' },
  /** A wait that ended as it was asked to. Nobody is told. */
  done: { reconnect: false, delay: 'short' },
  'max-age': { reconnect: true, delay: 'short' },
  'slow-consumer': { reconnect: true, delay: 'short' },
  shutdown: { reconnect: true, delay: 'spread' },
  'log-failed': { reconnect: true, delay: 'spread' },
  'too-many-connections': { reconnect: true, delay: 'spread' },
  'too-many-of-principal': { reconnect: true, delay: 'spread' },
  'too-many-of-address': { reconnect: true, delay: 'spread' },
  'issuer-unavailable': { reconnect: true, delay: 'spread' },
  draining: { reconnect: true, delay: 'spread' },
  'credential-expired': {
    reconnect: false,
    delay: 'short',
    error: 'The credential of this stream has expired; go on with a new one.',
  },
  'credential-revoked': {
    reconnect: false,
    delay: 'short',
    error: 'The credential of this stream is no longer accepted; go on with another one.',
  },
  'grants-changed': { reconnect: true, delay: 'spread' },
  'cut-off': {
    reconnect: false,
    delay: 'long',
    error: 'An operator has ended this stream.',
  },
  internal: { reconnect: true, delay: 'short' },
} as const satisfies Record<string, { reconnect: boolean; delay: 'short' | 'spread' | 'long'; error?: string }>

export type CloseReason = keyof typeof closeReasons
