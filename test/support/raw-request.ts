import { until } from './until.ts'

/** What `fetch` would mend or refuse to send: this request byte by byte, and all of the answer as text. */
export async function rawRequest(port: number, head: readonly string[], body = ''): Promise<string> {
  let answer = ''
  let ended = false
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      data: (_, bytes) => {
        answer += bytes.toString('latin1')
      },
      close: () => {
        ended = true
      },
      error: () => {},
    },
  })
  socket.write(`${[...head, 'connection: close'].join('\r\n')}\r\n\r\n${body}`)
  await until(`an answer to ${head[0]}`, () => ended || isWhole(answer))
  socket.terminate()
  return answer
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer.slice(0, end))?.[1]
  // Without one it ends with its connection.
  return length !== undefined && answer.length >= end + 4 + Number(length)
}
