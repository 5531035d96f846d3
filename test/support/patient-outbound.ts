import { HttpOutbound } from '../../src/webhooks/outbound/http-outbound.ts'
import type { Outbound, OutboundRequest, Outcome } from '../../src/webhooks/outbound/outcome.ts'

/** So many times what the hub gives an attempt: a machine that stands still ends none. */
const PATIENCE = 12

/** The real one; a receiver that does not answer is waited for. */
export class PatientOutbound implements Outbound {
  readonly #outbound = new HttpOutbound()
  /** Begun and not ended. */
  underWay = 0

  async post(request: OutboundRequest): Promise<Outcome> {
    this.underWay++
    try {
      return await this.#outbound.post({ ...request, timeoutMs: request.timeoutMs * PATIENCE })
    } finally {
      this.underWay--
    }
  }

  close(): void {
    this.#outbound.close()
  }
}
