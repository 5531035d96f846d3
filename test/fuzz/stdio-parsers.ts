import { BridgeFailure } from '../../src/cli/stdio/bridge-failure.ts'
import { DEFAULT_RETRY_MS, hubMessages, type StreamPlace } from '../../src/cli/stdio/hub-messages.ts'
import type { Link } from '../../src/cli/stdio/link.ts'
import { type Message, parseMessage, requestIds, soleCall } from '../../src/cli/stdio/message.ts'
import { type InputLine, messageLines } from '../../src/cli/stdio/message-lines.ts'
import { RequestId } from '../../src/cli/stdio/request-id.ts'
import { statelessRoute, statelessVersion } from '../../src/cli/stdio/stateless.ts'
import { INVALID_REQUEST, PARSE_ERROR } from '../../src/mcp/json-rpc.ts'
import { statelessRequest } from '../support/stateless-hub.ts'
import { hashOf, withLeaf } from './json-leaf.ts'
import type { Parser } from './parser.ts'

const REQUEST = '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","arguments":{"id":2,"method":"x"}},"id":7}'
const NAMED = '{"id":"\\u0061-1","result":{},"method":"a"}'
/** Small, so that lines are too long as often as not. */
const MOST_LINE_BYTES = 100
/** Of what the scanner keeps of one token: below it nothing is left out. */
const SCANNED_BYTES = 256

/** `mcp-sse stdio`: what its client writes, and what a hub answers. */
export const stdioParsers: readonly Parser[] = [
  {
    name: 'MCP, stdio: lines',
    samples: [
      [`${REQUEST}\n{"id":8}\r\n\n${NAMED}`, ''],
      ['{"a":"ü"}\n  \n[]', 'a'],
    ],
    grown: [[`${REQUEST}\n{"id":8}\r\n\n${NAMED}`, '']],
    slow: true,
    read: async (text, cut) => {
      const bytes = Buffer.from(text, hashOf(cut) % 3 === 1 ? 'latin1' : 'utf8')
      const lines: InputLine[] = []
      const chunks = inPieces(bytes, pieceSize(cut))
      for await (const line of messageLines(chunks, new AbortController().signal, MOST_LINE_BYTES)) lines.push(line)
      return [lines, linesOf(bytes)]
    },
    holds: (result) => {
      const [lines, expected] = result as [InputLine[], ReturnType<typeof linesOf>]
      return (
        lines.length === expected.length &&
        lines.every((line, index) =>
          line.kind === 'line' ? line.text === expected[index] : line.code === expected[index],
        )
      )
    },
  },
  {
    name: 'MCP, stdio: id of a request too long to be kept',
    samples: [
      [REQUEST, ''],
      [NAMED, 'a'],
      ['{"method":"a","id":1.5e3,"params":["]",{"id":"\\\\"}]}', 'b'],
    ],
    grown: [[REQUEST, '']],
    read: (text, cut) => {
      const scanned = new RequestId()
      const bytes = Buffer.from(text)
      const size = pieceSize(cut)
      for (let at = 0; at < bytes.length; at += size) scanned.feed(bytes.subarray(at, at + size))
      return { text, found: scanned.found }
    },
    holds: (result) => {
      const { text, found } = result as { text: string; found: unknown }
      const message = parseMessage(text.toWellFormed())
      if (typeof message === 'number') return true
      if (JSON.parse(text)?.constructor === Array) return found === undefined
      const [id] = requestIds(message)
      return Object.is(found, id) || (found === undefined && Buffer.byteLength(text) > SCANNED_BYTES)
    },
  },
  {
    name: 'MCP, stdio: a message, and the headers it travels with',
    samples: [
      [REQUEST, '', ''],
      ...['tools/call', 'resources/read', 'prompts/get'].map((method) => [
        statelessRequest(method, { name: 'a', uri: 'events://topics/é' }).body,
        '',
        '',
      ]),
    ],
    read: async (template, at, piece) => {
      const message = parseMessage(JSON.stringify(withLeaf(template, at, piece)))
      if (typeof message === 'number') return message
      const headers = await headersFor(message, statelessVersion(message) ?? '2026-07-28')
      return [requestIds(message), soleCall(message), headers]
    },
  },
  {
    name: 'MCP, stdio: what a hub answers',
    samples: [
      ['text/event-stream', `: hello\n\nid: 1.1\nretry: 10\ndata: \n\nevent: message\nid: 1.2\ndata: ${NAMED}\n\n`, ''],
      ['application/json; charset=utf-8', REQUEST, 'a'],
    ],
    grown: [['text/event-stream', `id: 1.1\nretry: 10\ndata: \n\ndata: ${NAMED}\n\n`, '']],
    read: async (type, body, cut) => {
      const place: StreamPlace = { lastEventId: '', retryMs: DEFAULT_RETRY_MS }
      const headers = { 'content-type': type.replace(/[^\x20-\x7e]/g, '') }
      const response = new Response(inPieces(Buffer.from(body), pieceSize(cut)), { headers })
      try {
        for await (const text of hubMessages(response, place, new AbortController().signal)) parseMessage(text)
      } catch (error) {
        if (!(error instanceof BridgeFailure)) throw error
      }
      return place
    },
    holds: (result) => {
      const { lastEventId, retryMs } = result as StreamPlace
      return retryMs >= 10 && retryMs <= 30_000 && !/[\r\n\0]/.test(lastEventId)
    },
  },
]

/** What lines there are, by another way: the text of each that is one, the code of what is refused. */
function linesOf(bytes: Buffer): (string | number)[] {
  const lines: (string | number)[] = []
  for (let at = 0, end = 0; at <= bytes.length; at = end + 1) {
    end = bytes.indexOf(10, at)
    if (end < 0) end = bytes.length
    const line = bytes.subarray(at, end)
    if (line.length > MOST_LINE_BYTES) lines.push(INVALID_REQUEST)
    else {
      const text = line.toString('utf8')
      if (!Buffer.from(text).equals(line)) lines.push(PARSE_ERROR)
      else if (text.trim() !== '') lines.push(text.trim())
    }
  }
  return lines
}

/** From one byte on; where nothing is said, so many that growing inputs are not all about pieces. */
function pieceSize(cut: string): number {
  return cut === '' ? 4096 : 1 + (hashOf(cut) % 61)
}

function inPieces(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) controller.close()
      else controller.enqueue(bytes.slice(at, at + size))
      at += size
    },
  })
}

/** @throws TypeError for headers that no request can have */
async function headersFor(message: Message, version: string): Promise<Headers> {
  let sent: Headers | undefined
  const link: Pick<Link, 'post'> = {
    async post(_, headers) {
      sent = new Headers(headers)
      return new Response()
    },
  }
  await statelessRoute(link as Link, version).post(message, new AbortController().signal)
  return sent!
}
