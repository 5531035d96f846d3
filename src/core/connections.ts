import type { CloseReason } from './close-reason.ts'
import { HubError } from './errors.ts'
import type { Principal } from './principal.ts'

export interface ConnectionLimits {
  /** Streams at once; one more is told to come back. */
  connections: number
  /** The same for one principal, where its limits count. */
  connectionsPerPrincipal: number
  /** The same for one client address, where it is known. */
  connectionsPerAddress: number
}

/** How the client at the other end reads: a stream of events, or messages of MCP. */
export type ConnectionKind = 'sse' | 'ndjson' | 'mcp'

/** Why there is no room for one more. */
export type NoRoom = Extract<CloseReason, `too-many-${string}`>

/** Which limit it was, and what may be done about it. */
const noRoomSentences: Record<NoRoom, string> = {
  'too-many-connections': 'Too many waits and streams are open at this hub for now; try again in a moment.',
  'too-many-of-principal': 'This credential has too many waits and streams open; end one, or wait for one to end.',
  'too-many-of-address': 'Too many waits and streams are open from this address; end one, or wait for one to end.',
}

export function noRoom(reason: NoRoom, retryAfterMs: number): HubError {
  return new HubError('overloaded', noRoomSentences[reason], { retryAfterMs })
}

/** How many streams are open, of whom and from where. As large as there are streams: what has none is forgotten. */
export class Connections {
  readonly #limits: ConnectionLimits
  readonly #ofPrincipal = new Map<string, number>()
  readonly #ofAddress = new Map<string, number>()
  readonly #ofKind: Record<ConnectionKind, number> = { sse: 0, ndjson: 0, mcp: 0 }
  #all = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  get ofKind(): Readonly<Record<ConnectionKind, number>> {
    return { ...this.#ofKind }
  }

  /** Why one more is refused for now: the new one, never the oldest, which would come back at once and evict the next. */
  refusal(principal: Principal, address: string): NoRoom | undefined {
    const { connections, connectionsPerPrincipal, connectionsPerAddress } = this.#limits
    if (this.#all >= connections) return 'too-many-connections'
    if (principal.limited && (this.#ofPrincipal.get(principal.id) ?? 0) >= connectionsPerPrincipal) {
      return 'too-many-of-principal'
    }
    if (address !== '' && (this.#ofAddress.get(address) ?? 0) >= connectionsPerAddress) return 'too-many-of-address'
    return undefined
  }

  add(principal: Principal, address: string, kind: ConnectionKind): void {
    this.#all++
    this.#ofKind[kind]++
    if (principal.limited) count(this.#ofPrincipal, principal.id, 1)
    if (address !== '') count(this.#ofAddress, address, 1)
  }

  remove(principal: Principal, address: string, kind: ConnectionKind): void {
    this.#all--
    this.#ofKind[kind]--
    if (principal.limited) count(this.#ofPrincipal, principal.id, -1)
    if (address !== '') count(this.#ofAddress, address, -1)
  }
}

function count(of: Map<string, number>, name: string, change: number): void {
  const now = (of.get(name) ?? 0) + change
  if (now === 0) of.delete(name)
  else of.set(name, now)
}
