import type { ReaderKind } from './metrics.ts'
import type { Principal } from './principal.ts'

/** Who reads, and until when. */
export interface Reader {
  principal: Principal
  kind: ReaderKind
  /** The client's address as caps count it; '' when they do not. */
  address: string
  /** Monotonic milliseconds at which the stream ends, and why then. */
  endsAt: number
  endReason: 'max-age' | 'credential-expired'
}
