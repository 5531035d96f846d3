import type { Socket } from 'bun'
import { headerLines, statelessRequest } from './stateless-hub.ts'
import { until } from './until.ts'

export interface StreamMemoryOptions {
  streams: number
  method: string
  params: (index: number) => Record<string, unknown>
  /** What the first message of each says. */
  first: string
}

const SETTLED_KIB = 256

/** KiB of RSS of a server in a process of its own, by how many streams of 2026-07-28 are open. */
export interface StreamMemory {
  /** For each stream of the second wave: code is compiled and pools are filled by the first. */
  each: number
  /** What is left above the beginning when that wave, and a third one, have gone. */
  left: number
}

export async function streamMemory({ streams, method, params, first }: StreamMemoryOptions): Promise<StreamMemory> {
  const child = Bun.spawn(['bun', 'run', `${import.meta.dir}/listening-process.ts`], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  try {
    const lines = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
    const line = async (): Promise<string> => String((await lines.next()).value).trim()
    const port = Number(await line())
    const look = async (): Promise<{ kib: number; connections: number }> => {
      child.stdin.write('\n')
      child.stdin.flush()
      const [rss, connections] = (await line()).split(' ').map(Number)
      return { kib: rss! / 1024, connections: connections! }
    }
    /** What is free is given back to the system some time later: until that was all. */
    const measure = async (): Promise<{ kib: number; connections: number }> => {
      let seen = await look()
      for (let again = 0; again < 20; again++) {
        const before = seen.kib
        seen = await look()
        if (seen.kib > before - SETTLED_KIB) break
      }
      return seen
    }
    const wave = async (): Promise<Socket[]> => {
      let begun = 0
      const sockets: Socket[] = []
      for (let index = 0; index < streams; index++) {
        const request = statelessRequest(method, params(index))
        sockets.push(await opened(port, request, first, () => begun++))
      }
      await until('all to have begun', () => begun === streams, 60_000)
      return sockets
    }
    const leave = async (sockets: Socket[]): Promise<void> => {
      for (const socket of sockets) socket.terminate()
      await until('all to be gone', async () => (await look()).connections === 0, 60_000)
    }
    await leave(await wave())
    const before = await measure()
    const sockets = await wave()
    const during = await measure()
    if (during.connections !== streams) throw new Error(`${during.connections} of ${streams} streams are open`)
    await leave(sockets)
    await leave(await wave())
    const after = await measure()
    return { each: (during.kib - before.kib) / streams, left: after.kib - before.kib }
  } finally {
    child.kill()
  }
}

/** A stream whose client keeps nothing but the socket. */
async function opened(
  port: number,
  { headers, body }: ReturnType<typeof statelessRequest>,
  first: string,
  begun: () => void,
): Promise<Socket> {
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      data: (_, chunk) => {
        if (chunk.includes(first)) begun()
      },
    },
  })
  socket.write(
    `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: application/json, text/event-stream\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n${headerLines(headers)}\r\n${body}`,
  )
  return socket
}
