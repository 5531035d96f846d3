import type { Message, Part } from './message.ts'

/** The answer to a message, whatever its status. */
export interface Posted {
  response: Response
  /** Goes on with the answer's stream where it broke. Without it, or when it gives nothing, what is lost is lost. */
  resume?: (lastEventId: string, signal: AbortSignal) => Promise<Response> | undefined
}

/** How a version of MCP takes a message to the hub. */
export interface Route {
  /** @throws BridgeFailure when nobody answers; the signal's reason when it aborts */
  post(message: Message, signal: AbortSignal): Promise<Posted>
  /** Sees each answer before it is written. */
  answered?(request: Part, answer: Part): void
}
