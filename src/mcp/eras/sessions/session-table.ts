import type { Clock } from '../../../core/clock.ts'
import { HubError } from '../../../core/errors.ts'
import { LOCAL, type Principal } from '../../../core/principal.ts'
import { round } from '../../../core/round.ts'
import type { McpLimits } from '../../parts.ts'
import { ownerOf, type Session } from './session.ts'

export interface SessionTableOptions {
  clock: Clock
  limits: Pick<McpLimits, 'sessions' | 'sessionsPerPrincipal' | 'sessionIdleMs'>
}

/** A session nobody has used for so long makes room for a new one of the same owner. */
const GIVEN_UP_MS = 60_000
/** One owner's part of all sessions: who opens all it can leaves room for others. In open mode there are no others. */
const SHARES = 4
const RETRY_AFTER_MS = 10_000
const SWEEP_MS = 5000
/** What is kept for clients that come back, at most so long: they do within seconds, or begin again. */
const RESUMABLE_MS = 600_000

/** All sessions: clients seldom end theirs, so each is forgotten when nobody uses it. */
export class SessionTable {
  readonly #options: SessionTableOptions
  readonly #sessions = new Map<string, Session>()
  /** Of each owner, the least recently used first. */
  readonly #owners = new Map<string, Set<Session>>()
  readonly #stop: () => void
  #sweeping = false

  constructor(options: SessionTableOptions) {
    this.#options = options
    this.#stop = options.clock.every(SWEEP_MS, () => void this.#sweep())
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Calls in flight, in all. */
  get calls(): number {
    return this.#sessions.values().reduce((calls, { transport }) => calls + transport.calls, 0)
  }

  /** Makes room for one more. @throws HubError `overloaded` when there is none */
  makeRoom(principal: Principal): void {
    const { sessions } = this.#options.limits
    const own = this.#owners.get(ownerOf(principal))
    const full = this.#sessions.size >= sessions
    if (!full && (own?.size ?? 0) < this.#mostOf(principal)) return
    const now = this.#options.clock.monotonic()
    for (const session of own ?? []) {
      if (session.idleMs(now) < GIVEN_UP_MS) continue
      session.close('too-many-of-principal')
      return
    }
    const whose = principal.limited ? 'this credential' : 'callers without a credential'
    throw new HubError(
      'overloaded',
      full
        ? 'Too many MCP sessions are open for now; try again in a moment.'
        : `Too many MCP sessions of ${whose} are in use; end one with DELETE, or try again in a moment.`,
      { retryAfterMs: RETRY_AFTER_MS },
    )
  }

  add(session: Session): void {
    this.#sessions.set(session.id, session)
    const own = this.#owners.get(session.owner) ?? new Set()
    this.#owners.set(session.owner, own.add(session))
  }

  /** Unknown, expired or another's: nobody can tell which. */
  find(id: string, principal: Principal): Session | undefined {
    const session = this.#sessions.get(id)
    if (session?.owner !== ownerOf(principal)) return undefined
    if (this.#expired(session)) {
      session.close('max-age')
      return undefined
    }
    const own = this.#owners.get(session.owner)!
    own.delete(session)
    own.add(session)
    return session
  }

  remove(session: Session): void {
    this.#sessions.delete(session.id)
    const own = this.#owners.get(session.owner)
    own?.delete(session)
    if (own?.size === 0) this.#owners.delete(session.owner)
  }

  async inTurns(visit: (session: Session) => void): Promise<void> {
    await round(this.#options.clock, this.#sessions.values(), (session) => {
      if (!session.closed) visit(session)
    })
  }

  close(): void {
    this.#stop()
  }

  #mostOf({ credential, limited }: Principal): number {
    const { sessions, sessionsPerPrincipal } = this.#options.limits
    if (credential === LOCAL.credential) return sessions
    const share = Math.max(1, Math.floor(sessions / SHARES))
    return limited ? Math.min(share, sessionsPerPrincipal) : share
  }

  #expired(session: Session): boolean {
    return session.idleMs(this.#options.clock.monotonic()) > this.#options.limits.sessionIdleMs
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping) return
    this.#sweeping = true
    const before = this.#options.clock.monotonic() - RESUMABLE_MS
    try {
      await this.inTurns((session) => {
        if (this.#expired(session)) session.close('max-age')
        else session.transport.expire(before)
      })
    } finally {
      this.#sweeping = false
    }
  }
}
