import type { Socket } from 'bun'

/**
 * A program: `knocking-process.ts PORT COUNT AT_ONCE [PER_SECOND]`. Asks for a stream COUNT times, AT_ONCE at one time, as
 * fast as it goes or PER_SECOND, each on a connection of its own, and prints what became of them as `Knocks`.
 */

export interface Knocks {
  /** 200, `retry:`, `$closing` with reconnect true, and the end. */
  toldToComeBack: number
  /** The socket was closed or reset without that. */
  closed: number
  /** Nothing of both in 30 s. */
  hung: number
  /** Anything else that was answered, the first of them as text. */
  other: number
  firstOther: string
}

const DEADLINE_MS = 30_000

async function knock(port: number): Promise<'told' | 'closed' | 'hung' | { said: string }> {
  const { promise, resolve } = Promise.withResolvers<'told' | 'closed' | 'hung' | { said: string }>()
  const timer = setTimeout(() => resolve('hung'), DEADLINE_MS)
  let said = ''
  const judge = (closed: boolean): void => {
    if (!isWhole(said) && !closed) return
    const told = /^HTTP\/1\.1 200 /.test(said) && /^retry: \d+$/m.test(said) && /"reconnect":true/.test(said)
    resolve(told && said.includes('event: $closing') ? 'told' : said === '' ? 'closed' : { said })
  }
  let socket: Socket | undefined
  try {
    socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        data(_, bytes) {
          said += bytes.toString('latin1')
          judge(false)
        },
        close: () => judge(true),
        error: () => judge(true),
      },
    })
    socket.write(`GET /events HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\n\r\n`)
    return await promise
  } catch {
    return 'closed'
  } finally {
    clearTimeout(timer)
    // A reset: 20,000 of these would else hold the ports of this machine for a minute.
    socket?.terminate()
  }
}

/** The answer is there to its end, by its length or its last chunk. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n')
  const length = /^content-length: (\d+)\r$/im.exec(answer.slice(0, end + 2))
  if (end === -1) return false
  return length ? answer.length >= end + 4 + Number(length[1]) : answer.endsWith('\r\n0\r\n\r\n')
}

async function knockAll(port: number, count: number, atOnce: number, perSecond: number): Promise<Knocks> {
  const knocks: Knocks = { toldToComeBack: 0, closed: 0, hung: 0, other: 0, firstOther: '' }
  let left = count
  const begun = performance.now()
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      if (perSecond > 0) await Bun.sleep(begun + ((count - left - 1) * 1000) / perSecond - performance.now())
      const found = await knock(port)
      if (found === 'told') knocks.toldToComeBack++
      else if (found === 'closed') knocks.closed++
      else if (found === 'hung') knocks.hung++
      else {
        knocks.other++
        knocks.firstOther ||= found.said.slice(0, 1000)
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return knocks
}

if (import.meta.main) {
  const [port = 0, count = 0, atOnce = 0, perSecond = 0] = process.argv.slice(2).map(Number)
  console.log(JSON.stringify(await knockAll(port, count, atOnce, perSecond)))
}
