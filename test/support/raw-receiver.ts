import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Certificate } from './certificates.ts'

/** A server that does with each connection what the test says, byte by byte. */
export interface RawReceiver {
  port: number
  /** Since it was opened. */
  connections: number
  /** Still open, as far as this side knows. */
  open: ReadonlySet<Socket>
  [Symbol.asyncDispose](): Promise<void>
}

/** @param serve once for each connection; with a certificate after the handshake */
export async function rawReceiver(serve: (socket: Socket) => void, certificate?: Certificate): Promise<RawReceiver> {
  const open = new Set<Socket>()
  const accept = (socket: Socket): void => {
    open.add(socket)
    // The other side breaking off is what is tested.
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
  }
  const server: Server = certificate ? createTlsServer(certificate) : createServer()
  const receiver = { port: 0, connections: 0, open, [Symbol.asyncDispose]: close }
  server.on(certificate ? 'secureConnection' : 'connection', (socket: Socket) => {
    receiver.connections++
    accept(socket)
    serve(socket)
    // Of a socket that nobody reads the end is never seen.
    socket.resume()
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  receiver.port = (server.address() as { port: number }).port
  return receiver

  async function close(): Promise<void> {
    for (const socket of open) socket.destroy()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
}

/** Answers each request (told apart by their `{}` at the end) with the same bytes. */
export function answering(answer: string): (socket: Socket) => void {
  return (socket) => {
    let asked = ''
    socket.on('data', (bytes) => {
      asked += bytes.toString('latin1')
      if (!asked.endsWith('\r\n\r\n{}')) return
      asked = ''
      socket.write(answer)
    })
  }
}

/** After the first bytes: `first`, and then `rest` as fast as it is taken, without end. */
export function flooding(first: string, rest: string): (socket: Socket) => void {
  return (socket) => {
    const flood = (): void => {
      while (!socket.destroyed && socket.write(rest)) {}
    }
    socket.once('data', () => {
      socket.write(first)
      socket.on('drain', flood)
      flood()
    })
  }
}

/** After the first bytes: `first`, and then a character of `rest` every so many milliseconds. */
export function dripping(first: string, rest: string, everyMs = 20): (socket: Socket) => void {
  return (socket) => {
    socket.once('data', () => {
      socket.write(first)
      let at = 0
      const timer = setInterval(() => socket.write(rest[at++ % rest.length]!), everyMs)
      socket.once('close', () => clearInterval(timer))
    })
  }
}
