/** Why a request got no answer of the hub: what its client is told instead. */
export class BridgeFailure extends Error {
  /** For `Troubles`. */
  readonly kind: string
  /** What the hub answered with, if it did. */
  readonly status: number | undefined

  /** @param message a sentence that a person can act on */
  constructor(kind: string, message: string, status?: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'BridgeFailure'
    this.kind = kind
    this.status = status
  }
}
