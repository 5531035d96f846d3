import type { Socket } from 'bun'
import { expectSecret } from '../support/secrets.ts'
import { Hanging } from './hanging.ts'
import type { Parts } from './hostile.ts'

const DEADLINE_MS = 30_000
const HEAD_END = Buffer.from('\r\n\r\n')

/** Method, target, header lines, body: bytes on a socket, whatever they are. `content-length` is added where none is. */
export function requestBytes([method = '', target = '', headers = '', body = '']: Parts): Buffer {
  const content = Buffer.from(body)
  const framed = /^(content-length|transfer-encoding)\s*:/im.test(headers)
  const length = framed || content.byteLength === 0 ? '' : `content-length: ${content.byteLength}\r\n`
  const lines = headers === '' ? '' : `${headers.replace(/(\r\n)+$/, '')}\r\n`
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}${length}\r\n`), content])
}

/**
 * Sends bytes on a connection of its own and ends it when the head of the answer is there.
 * @returns the status, or 0 for a connection that the server closes without a word
 * @throws Hanging when neither comes in 30 s
 */
export async function statusOfAnswer(port: number, bytes: Buffer): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let answer = Buffer.alloc(0)
  let sent = 0
  const timer = setTimeout(() => reject(new Hanging(`No answer in ${DEADLINE_MS} ms.`)), DEADLINE_MS)
  // A mutation may carry the credential to where it is quoted back: in `$gap`, what was asked for as Last-Event-ID.
  const socket = await Bun.connect(
    expectSecret({
      hostname: '127.0.0.1',
      port,
      socket: {
        open(opened: Socket) {
          sent = opened.write(bytes)
        },
        drain(drained: Socket) {
          sent += drained.write(bytes.subarray(sent))
        },
        data(_: Socket, chunk: Buffer) {
          answer = Buffer.concat([answer, chunk])
          if (answer.includes(HEAD_END)) resolve(Number(answer.toString('latin1', 9, 12)))
        },
        close: () => resolve(0),
        error: (_: unknown, error: Error) => reject(error),
      },
    }),
  )
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    // A reset, so that a million of these do not use up the ports of this machine.
    socket.terminate()
  }
}
