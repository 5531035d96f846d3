import type { CloseReason } from './close-reason.ts'
import type { Principal } from './principal.ts'

export interface ConnectionLimits {
  /** Of all streams. */
  connections: number
  connectionsPerPrincipal: number
  connectionsPerAddress: number
}

/** How many streams are open, of whom and from where. As large as there are streams: what has none is forgotten. */
export class Connections {
  readonly #limits: ConnectionLimits
  readonly #ofPrincipal = new Map<string, number>()
  readonly #ofAddress = new Map<string, number>()
  #all = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /** Why one more is refused for now: the new one, never the oldest, which would come back at once and evict the next. */
  refusal(principal: Principal, address: string): CloseReason | undefined {
    const { connections, connectionsPerPrincipal, connectionsPerAddress } = this.#limits
    if (this.#all >= connections) return 'too-many-connections'
    if (principal.limited && (this.#ofPrincipal.get(principal.id) ?? 0) >= connectionsPerPrincipal) {
      return 'too-many-of-principal'
    }
    if (address !== '' && (this.#ofAddress.get(address) ?? 0) >= connectionsPerAddress) return 'too-many-of-address'
    return undefined
  }

  add(principal: Principal, address: string): void {
    this.#all++
    if (principal.limited) count(this.#ofPrincipal, principal.id, 1)
    if (address !== '') count(this.#ofAddress, address, 1)
  }

  remove(principal: Principal, address: string): void {
    this.#all--
    if (principal.limited) count(this.#ofPrincipal, principal.id, -1)
    if (address !== '') count(this.#ofAddress, address, -1)
  }
}

function count(of: Map<string, number>, name: string, change: number): void {
  const now = (of.get(name) ?? 0) + change
  if (now === 0) of.delete(name)
  else of.set(name, now)
}
