import { ByteRoom } from './byte-room.ts'

const KIB = 1024
const MIB = 1024 * KIB

export interface RoomBytes {
  /** Default 64 MiB. */
  bodies?: number
  /** Default 4 MiB. */
  ticketBodies?: number
  /** Default 32 MiB. */
  messages?: number
}

/**
 * Memory for what arrives at a process, in bytes, at all its addresses together: a certificate that is renewed puts other
 * servers beside those that are there, and each with rooms of its own would multiply them.
 */
export class Rooms {
  /** Bodies that are being read to be published. */
  readonly bodies: ByteRoom
  /** Bodies that ask for tickets. */
  readonly ticketBodies: ByteRoom
  /** Messages to MCP, until they are answered. */
  readonly messages: ByteRoom
  /** Bodies that ask to send again. */
  readonly redeliveries = new ByteRoom({ bytes: 256 * KIB, what: 'requests to send again are arriving' })

  constructor({ bodies = 64 * MIB, ticketBodies = 4 * MIB, messages = 32 * MIB }: RoomBytes = {}) {
    this.bodies = new ByteRoom({ bytes: bodies, what: 'request bodies are arriving' })
    this.ticketBodies = new ByteRoom({ bytes: ticketBodies, what: 'requests for tickets are arriving' })
    this.messages = new ByteRoom({ bytes: messages, what: 'messages to MCP are answered' })
  }
}
