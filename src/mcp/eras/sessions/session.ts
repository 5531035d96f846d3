import { randomBytes } from 'node:crypto'
import type { CloseReason } from '../../../core/close-reason.ts'
import { sameGrants } from '../../../core/grants.ts'
import type { Principal } from '../../../core/principal.ts'
import type { Caller } from '../../asking.ts'
import type { Exchange } from '../../exchange.ts'
import type { Outbox } from '../../outbox.ts'
import type { Changed, Parts } from '../../parts.ts'
import { CatalogueServer } from '../../server.ts'
import type { SessionHost, SessionTransport } from './session-transport.ts'
import { SubscribedUris } from './subscribed-uris.ts'

/** Principals that are no one in particular: what they are recognised by belongs to who they are. */
const NOBODY_IN_PARTICULAR = new Set(['open', 'onlooker', 'none'])

/** Whose session it is: another credential of the same principal may go on with it, another kind of principal may not. */
export function ownerOf({ id, credential }: Principal): string {
  return `${NOBODY_IN_PARTICULAR.has(credential) ? credential : 'credential'} ${id}`
}

/** One client's conversation by `initialize`: a server of its own, what it is subscribed to, and how messages travel. */
export class Session<T extends SessionTransport = SessionTransport> implements SessionHost {
  /** 128 bits. It says which session, never who asks. */
  readonly id = randomBytes(16).toString('base64url')
  readonly owner: string
  readonly parts: Parts
  readonly transport: T
  readonly #server: CatalogueServer
  readonly #subscribed: SubscribedUris
  readonly #ended: () => void
  readonly #unannounced = new Set<Changed>()
  #principal: Principal
  #usedAt: number
  #streams = 0
  #closed = false

  constructor(
    parts: Parts,
    { principal }: Caller,
    transport: (session: SessionHost & { id: string }) => T,
    ended: (session: Session) => void,
  ) {
    this.parts = parts
    this.owner = ownerOf(principal)
    this.#principal = principal
    this.#usedAt = parts.clock.monotonic()
    this.#ended = () => ended(this)
    this.transport = transport(this)
    this.#subscribed = new SubscribedUris({
      parts,
      tell: (uri) =>
        this.transport.tell({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } }),
      lapsed: (reason) => this.transport.endListening(reason),
    })
    this.#server = new CatalogueServer(parts.plan, this.#subscribed)
  }

  /** Before the first message. */
  async connect(): Promise<void> {
    await this.#server.connect(this.transport)
  }

  /** The principal of its newest request. */
  get principal(): Principal {
    return this.#principal
  }

  get version(): string | undefined {
    return this.#server.server.getNegotiatedProtocolVersion()
  }

  /** Milliseconds since it was used; 0 while a stream is open or a call is in flight. */
  idleMs(now: number): number {
    return this.#streams > 0 || this.transport.calls > 0 ? 0 : now - this.#usedAt
  }

  get closed(): boolean {
    return this.#closed
  }

  /** A request of its owner came, by the credential that counts from now on. */
  use({ principal, address }: Caller): void {
    const before = this.#principal
    this.#principal = principal
    this.used()
    const regranted = principal.grants !== before.grants && !sameGrants(principal.grants, before.grants)
    if (regranted) this.transport.regrant(principal.grants)
    if (this.#closed) return
    // A renewed token: what it is subscribed to lasts as long as the new one.
    this.#subscribed.use({ principal, address }, regranted || principal.expires !== before.expires)
  }

  /** What it lists has changed. */
  announce(changed: Changed): void {
    // Nothing has been listed yet.
    if (this.version === undefined) return
    const told = this.transport.tell({ jsonrpc: '2.0', method: `notifications/${changed}/list_changed` })
    if (!told) this.#unannounced.add(changed)
  }

  used(): void {
    this.#usedAt = this.parts.clock.monotonic()
  }

  open(exchange: Exchange, lasting: boolean, ended: (reason: CloseReason) => void): Outbox {
    this.#streams++
    try {
      return this.parts.outboxes.open(exchange, lasting, (reason) => {
        this.#streams--
        this.used()
        ended(reason)
      })
    } catch (error) {
      this.#streams--
      throw error
    }
  }

  listening(all: boolean): void {
    this.#subscribed.listening(all)
    const unannounced = [...this.#unannounced]
    this.#unannounced.clear()
    for (const changed of unannounced) this.announce(changed)
  }

  /** Everything it holds is released. Idempotent. */
  close(reason: CloseReason): void {
    if (this.#closed) return
    this.#closed = true
    this.#ended()
    this.#subscribed.close()
    this.transport.end(reason)
  }
}
