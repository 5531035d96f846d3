import { expect, test } from 'bun:test'
import type { Socket } from 'bun'
import { headerLines, statelessRequest } from '../../support/stateless-hub.ts'
import { until } from '../../support/until.ts'

const STREAMS = 500
const MOST_KIB = 25

/** A listener whose client keeps nothing but the socket. */
async function listener(port: number, index: number, acknowledged: () => void): Promise<Socket> {
  const { headers, body } = statelessRequest('subscriptions/listen', {
    notifications: { resourceSubscriptions: [`events://topics/t/${index}`] },
  })
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      data: (_, chunk) => {
        if (chunk.includes('acknowledged')) acknowledged()
      },
    },
  })
  socket.write(
    `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: application/json, text/event-stream\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n${headerLines(headers)}\r\n${body}`,
  )
  return socket
}

test(`${STREAMS} listeners cost at most ${MOST_KIB} KiB each, and what they cost is given back to the next`, async () => {
  const child = Bun.spawn(['bun', 'run', `${import.meta.dir}/../../support/listening-process.ts`], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  try {
    const lines = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
    const line = async (): Promise<string> => String((await lines.next()).value).trim()
    const port = Number(await line())
    const measure = async (): Promise<{ kib: number; connections: number }> => {
      child.stdin.write('\n')
      child.stdin.flush()
      const [rss, connections] = (await line()).split(' ').map(Number)
      return { kib: rss! / 1024, connections: connections! }
    }
    const wave = async (): Promise<Socket[]> => {
      let acknowledged = 0
      const sockets: Socket[] = []
      for (let index = 0; index < STREAMS; index++) sockets.push(await listener(port, index, () => acknowledged++))
      await until('all to be acknowledged', () => acknowledged === STREAMS)
      return sockets
    }
    const leave = async (sockets: Socket[]): Promise<void> => {
      for (const socket of sockets) socket.terminate()
      await until('all to be gone', async () => (await measure()).connections === 0)
    }
    // Code is compiled and pools are filled once.
    await leave(await wave())
    const before = await measure()
    const sockets = await wave()
    const during = await measure()
    expect(during.connections).toBe(STREAMS)
    expect((during.kib - before.kib) / STREAMS).toBeLessThanOrEqual(MOST_KIB)
    await leave(sockets)
    await leave(await wave())
    const after = await measure()
    expect(after.kib - before.kib).toBeLessThan(STREAMS * MOST_KIB)
  } finally {
    child.kill()
  }
}, 60_000)
