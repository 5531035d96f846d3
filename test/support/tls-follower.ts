import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { createParser } from 'eventsource-parser'
import { until } from './until.ts'

/** A reader of one stream over a TLS connection of its own, which it does not open again. */
export class TlsFollower {
  /** Of the events, in order; control events are left out. */
  readonly data: string[] = []
  ended = false
  readonly #socket: TLSSocket

  /** Resolves when the stream has begun. `ca`: the authority of the server, PEM; its name is not checked. */
  static async open(port: number, path: string, ca: string): Promise<TlsFollower> {
    const socket = connect({ port, host: '127.0.0.1', ca, checkServerIdentity: () => undefined })
    await once(socket, 'secureConnect')
    const follower = new TlsFollower(socket)
    socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n`)
    await until('the stream to begin', () => follower.#opened)
    return follower
  }

  #opened = false

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    const parser = createParser({
      onEvent: ({ event, data }) => {
        if (event === '$open') this.#opened = true
        else if (!event?.startsWith('$')) this.data.push(data)
      },
    })
    const chunks = chunksOf((text) => parser.feed(text))
    socket.on('data', chunks)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.ended = true
    })
  }

  stop(): void {
    this.#socket.destroy()
  }
}

/** Takes an answer apart that comes in chunks (RFC 9112, 7.1); its text is ASCII. */
function chunksOf(feed: (text: string) => void): (bytes: Buffer) => void {
  let rest = ''
  let head = true
  return (bytes) => {
    rest += bytes.toString('latin1')
    if (head) {
      const end = rest.indexOf('\r\n\r\n')
      if (end < 0) return
      rest = rest.slice(end + 4)
      head = false
    }
    for (;;) {
      const line = rest.indexOf('\r\n')
      const size = line < 0 ? Number.NaN : Number.parseInt(rest.slice(0, line), 16)
      if (!(rest.length >= line + 4 + size)) return
      feed(rest.slice(line + 2, line + 2 + size))
      rest = rest.slice(line + 4 + size)
    }
  }
}
