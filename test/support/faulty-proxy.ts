import type { Socket } from 'bun'

/**
 * `pass`: as if it were not there. `502`: what nginx answers while the server behind it is away. `refuse`: nobody listens.
 * `silent`: connections stay open and nothing comes through any more, like a router that forgot them.
 */
export type Fault = 'pass' | '502' | 'refuse' | 'silent'

interface SideData {
  other: Side | undefined
  /** What came before the other side was there. */
  early: Buffer[]
  /** Somebody asked for a stream on it. */
  stream: boolean
}

type Side = Socket<SideData>

const BAD_GATEWAY =
  'HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 15\r\nconnection: close\r\n\r\n<h1>Sorry.</h1>'

/** A TCP proxy in front of `targetPort` whose faults can be switched on; it counts what passes. */
export class FaultyProxy {
  readonly port: number
  readonly url: string
  /** Connections since the start, by what they met. */
  readonly met: Record<Fault, number> = { pass: 0, '502': 0, refuse: 0, silent: 0 }
  #fault: Fault = 'pass'
  #listener: { stop(all: boolean): void } | undefined
  readonly #target: number
  readonly #sides = new Set<Side>()

  constructor(targetPort: number, port: number) {
    this.#target = targetPort
    this.port = port
    this.url = `http://127.0.0.1:${port}`
    this.#listen()
  }

  /** From now on. All but `silent` also end the connections there are. */
  set fault(fault: Fault) {
    const before = this.#fault
    this.#fault = fault
    if (fault === 'silent') return
    if (before === 'refuse' && fault !== 'refuse') this.#listen()
    if (fault === 'refuse') this.#stopListening()
    if (fault !== 'pass') this.cut()
  }

  /** Open connections that were last used for a stream. */
  get streams(): number {
    return [...this.#sides].filter((side) => side.data.stream).length
  }

  /** Ends every connection, as a restart of what is behind would. */
  cut(): void {
    for (const side of this.#sides) side.end()
    this.#sides.clear()
  }

  close(): void {
    this.#stopListening()
    this.cut()
  }

  #stopListening(): void {
    this.#listener?.stop(true)
    this.#listener = undefined
  }

  #listen(): void {
    this.#listener = Bun.listen<SideData>({
      hostname: '127.0.0.1',
      port: this.port,
      socket: {
        open: (client) => {
          client.data = { other: undefined, early: [], stream: false }
          this.#sides.add(client)
          this.met[this.#fault]++
          if (this.#fault === 'pass') void this.#connect(client)
        },
        data: (client, bytes) => {
          client.data.stream ||= bytes.toString('latin1').includes('envelope=1')
          if (this.#fault === '502') client.end(BAD_GATEWAY)
          else this.#pass(client, bytes)
        },
        close: (client) => this.#closed(client),
      },
    })
  }

  async #connect(client: Side): Promise<void> {
    const server = await Bun.connect<SideData>({
      hostname: '127.0.0.1',
      port: this.#target,
      data: { other: client, early: [], stream: false },
      socket: {
        data: (side, bytes) => this.#pass(side, bytes),
        close: (side) => this.#closed(side),
      },
    }).catch(() => undefined)
    if (!server) {
      client.end()
      return
    }
    this.#sides.add(server)
    client.data.other = server
    for (const bytes of client.data.early.splice(0)) server.write(bytes)
  }

  /** What is written here is small: a socket that takes only a part of it would be a broken test; -1 is a closed one. */
  #pass(side: Side, bytes: Buffer): void {
    if (this.#fault === 'silent') return
    const { other, early } = side.data
    if (!other) {
      early.push(Buffer.from(bytes))
      return
    }
    const written = other.write(bytes)
    if (written >= 0 && written < bytes.byteLength) throw new Error('The proxy’s socket is full.')
  }

  #closed(side: Side): void {
    this.#sides.delete(side)
    if (this.#fault !== 'silent') side.data.other?.end()
  }
}
