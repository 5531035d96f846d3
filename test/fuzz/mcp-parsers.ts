import type { CallToolResult } from '@modelcontextprotocol/server'
import fc from 'fast-check'
import * as z from 'zod'
import { PageTokens } from '../../src/auth/page-tokens.ts'
import { PublishRate } from '../../src/auth/publish-rate.ts'
import type { Clock } from '../../src/core/clock.ts'
import { LOCAL } from '../../src/core/principal.ts'
import { checkTopic } from '../../src/core/topic.ts'
import { systemClock } from '../../src/daemon/clock.ts'
import { Answers } from '../../src/http/answers.ts'
import { publicationFromJson } from '../../src/http/publish/json.ts'
import type { Catalogue, Tool } from '../../src/mcp/catalogue/catalogue.ts'
import { PAGE_BYTES } from '../../src/mcp/catalogue/event-page.ts'
import { hubCatalogue } from '../../src/mcp/catalogue/hub-catalogue.ts'
import { topicOfUri, topicUri } from '../../src/mcp/catalogue/resource-uri.ts'
import { offered } from '../../src/mcp/exchange.ts'
import { TICKET_SECRET } from '../support/authority.ts'
import { askingOf, principalWith } from '../support/catalogue-hub.ts'
import { memoryHub } from '../support/hub.ts'
import { hostile, type Parts } from './hostile.ts'
import { hashOf, withLeaf } from './json-leaf.ts'
import type { Parser } from './parser.ts'
import { PLACES } from './places.ts'
import { requestOf } from './wire.ts'

/** Parsers over a hub of their own. */
export interface HubParsers {
  parsers: readonly Parser[]
  close(): Promise<void>
}

/** Waits of the catalogue end within milliseconds; all else goes by the machine's clock. */
export const hastyClock: Clock = {
  ...systemClock,
  every: (ms, run) => systemClock.every(Math.max(1, ms / 10_000), run),
}

const pageTokens = new PageTokens(TICKET_SECRET)
const WHO = [
  LOCAL,
  principalWith('wide', { publish: ['**'], subscribe: ['**'] }),
  principalWith('narrow', { publish: ['orders/*'], subscribe: ['orders/**', 'a'], types: ['order.*', 'message'] }),
  principalWith('nobody', {}),
]

/** A hub whose log has what strangers publish, and what it offers to agents. */
export async function hubOfStrangers() {
  const { hub, close } = await memoryHub({ connections: PLACES }, { maxEvents: 2000, maxBytes: 32 * 1024 * 1024 })
  const events = fc.sample(hostile([['{"topic":"orders/42","type":"order.paid","data":{"total":99},"id":"a"}']]), {
    numRuns: 400,
    seed: 42,
  })
  for (const [text] of events) await publishIfTaken(text!.toWellFormed())
  const quoted = '"\\'.repeat(250)
  for (let number = 0; number < 40; number++) {
    const data = [quoted.repeat(number * 10), 12345678901234567890n.toString(), '\u0001\u{1f600}'.repeat(number * 50)]
    await publishIfTaken(
      JSON.stringify({ topic: `orders/${quoted}`, type: '"'.repeat(127), id: `${quoted}${number}`, data }),
    )
  }
  await publishIfTaken(JSON.stringify({ topic: 'orders/long', data: '\ud83d\ude00'.repeat(60_000) }))
  const answers = new Answers(64 * 1024 * 1024)
  const catalogue = hubCatalogue({
    hub,
    clock: hastyClock,
    rate: new PublishRate({ perSecond: 1_000_000, now: () => performance.now() }),
    pageTokens: () => pageTokens,
    reading: (principal) => answers.reading(principal),
    mode: () => 'credentials',
    version: '0.0.0-test',
  })
  return { hub, catalogue, answers, close }

  async function publishIfTaken(text: string): Promise<void> {
    try {
      await hub.publish([...publicationFromJson(text).drafts])
    } catch {
      // Refused: it is in no log.
    }
  }
}

/** What agents say to the catalogue: names, arguments, addresses. */
export async function mcpParsers(): Promise<HubParsers> {
  const { hub, catalogue, answers, close } = await hubOfStrangers()
  const cursor = hub.cursor(200)
  const settled = () => {
    if (hub.connections !== 0) throw new Error(`${hub.connections} connections are left behind.`)
    if (answers.held !== 0) throw new Error(`${answers.held} bytes of answers are held for nobody.`)
  }
  return {
    parsers: [...resourceParsers(catalogue, cursor, settled), ...toolParsers(catalogue, cursor, settled), accept],
    close,
  }
}

const accept: Parser = {
  name: 'MCP, Accept',
  samples: [['application/json, text/event-stream'], ['*/*;q=0.1, TEXT/Event-Stream ; charset=utf-8'], ['']],
  grown: [['application/json, text/event-stream']],
  read: (accept) => {
    const taken = offered(requestOf('/mcp', `accept: ${accept}`)).includes('text/event-stream')
    // A further type takes nothing back, whatever is before it.
    const further = requestOf('/mcp', `accept: ${accept.replace(/[\r\n]/g, '')},text/event-stream`)
    return { taken, further: offered(further).includes('text/event-stream') }
  },
  holds: (result) => (result as { further: boolean }).further,
}

function resourceParsers({ resources, prompts }: Catalogue, cursor: string, settled: () => void): Parser[] {
  const [prompt] = prompts
  return [
    {
      name: 'MCP, resource URI',
      samples: [
        ['events://topics', ''],
        ['events://topics/orders/42', ''],
        ['events://topics/%C3%BCber/**', 'a'],
        ['events://topics/https://example.com/a?b=c#d', 'b'],
        [`events://events/${cursor}`, ''],
        ['events://events/k3f9a2b7.1', 'c'],
      ],
      read: async (uri, who) => {
        const principal = WHO[hashOf(who) % WHO.length]!
        const kinds = resources.filter((kind) => kind.matches(uri))
        if (kinds.length > 1) throw new Error('A URI is of two kinds.')
        const [kind] = kinds
        if (!kind) return undefined
        kind.watched?.(uri, principal.grants)
        const { contents } = await kind.read(uri, askingOf(principal))
        settled()
        return contents
      },
      holds: (result) =>
        result === undefined ||
        (result as { text: string }[]).every(({ text }) => JSON.parse(text) !== undefined && text.isWellFormed()),
    },
    {
      name: 'MCP, topic of a URI',
      samples: [['events://topics/orders/42'], ['events://topics/%F0%9F%91%8B%25']],
      read: (uri) => {
        const topic = topicOfUri(`events://topics/${uri.slice('events://topics/'.length)}`)
        return checkTopic(topic) === undefined ? topicOfUri(topicUri(topic)) === topic : true
      },
      holds: (result) => result === true,
    },
    {
      name: 'MCP, completion',
      samples: [
        ['topic', 'orders/', ''],
        ['topic', '', 'b'],
        ['cursor', 'k3', ''],
      ],
      read: async (name, value, who) => {
        const asking = askingOf(WHO[hashOf(who) % WHO.length]!)
        const found = [
          ...((await prompt!.complete?.(name, value, asking)) ?? []),
          ...(await Promise.all(resources.map((kind) => kind.complete?.(name, value, asking) ?? []))).flat(),
        ]
        settled()
        return found.every((each) => each.startsWith(value)) && found.length <= 202
      },
      holds: (result) => result === true,
    },
    {
      name: 'MCP, arguments of a prompt',
      samples: [
        ['orders/42', 'Say what happened.', 'topic', ''],
        ['orders/**', '', 'instructions', 'a'],
      ],
      read: (topic, instructions, name, who) =>
        prompt!.get(
          { topic, ...(instructions ? { instructions } : {}), [name]: topic },
          askingOf(WHO[hashOf(who) % WHO.length]!),
        ),
      holds: (result) => JSON.stringify(result).isWellFormed(),
    },
  ]
}

function toolParsers({ tools }: Catalogue, cursor: string, settled: () => void): Parser[] {
  return tools.map((tool): Parser => {
    const { name, outputSchema } = tool.definition
    const output = z.fromJSONSchema(outputSchema as Parameters<typeof z.fromJSONSchema>[0])
    const samples: readonly Parts[] = templatesOf(name, cursor).map((each) => [JSON.stringify(each), '', '', ''])
    return {
      name: `MCP, arguments of ${name}`,
      samples,
      grown: samples.slice(0, 1),
      slow: true,
      read: async (template, at, piece, who) => {
        const input = withLeaf(template, at, piece)
        const principal = WHO[hashOf(who) % WHO.length]!
        const progress = hashOf(who) % 2 === 0 ? async () => {} : undefined
        const result = await callOf(tool, input, askingOf(principal, { progress }))
        const problem = output.safeParse(result.structuredContent).error
        if (problem) throw new Error('The result is not as its schema says.', { cause: problem })
        const content = result.content[0]
        if (content?.type !== 'text' || content.text !== JSON.stringify(result.structuredContent)) {
          throw new Error('The text of the result is not its structure.')
        }
        const bytes = Buffer.byteLength(content.text)
        if (bytes > mostBytes(name, input)) throw new Error(`The result has ${bytes} bytes.`)
        if (!content.text.isWellFormed()) throw new Error('The result has half a surrogate pair.')
        settled()
        return result
      },
    }
  })
}

async function callOf(tool: Tool, input: unknown, asking: ReturnType<typeof askingOf>) {
  const result = await tool.call(input, asking)
  if (!('content' in result)) throw new Error('The tool asks for more.')
  return result as CallToolResult
}

/** Of those that show events, what was asked for. */
function mostBytes(name: string, input: unknown): number {
  if (name === 'wait_for_event') return PAGE_BYTES
  if (name !== 'read_events') return Number.POSITIVE_INFINITY
  const { max_bytes: asked = PAGE_BYTES } = (input ?? {}) as { max_bytes?: number }
  return asked
}

function templatesOf(name: string, cursor: string): object[] {
  switch (name) {
    case 'publish_event':
      return [
        { topic: 'orders/42', type: 'order.paid', data: { total: 99, lines: [1, 'two'] }, id: 'mine' },
        { topic: 'a', data: 'text', time: '2026-11-22T12:00:00Z' },
      ]
    case 'list_topics':
      return [{ pattern: 'orders/**', limit: 10, page: pageTokens.seal('orders/42') }, {}]
    case 'read_events':
      return [
        { topics: ['orders/*', 'a/**'], types: ['order.*'], since: cursor, limit: 100, max_bytes: 4096 },
        { since: 'earliest', limit: 100, max_bytes: 4096 },
        { since: '10m', max_bytes: 262144 },
        { topics: ['orders/**'], limit: 100, max_bytes: 4096 },
        {},
      ]
    case 'wait_for_event':
      return [
        { topics: ['orders/**', '**'], types: ['*'], since: cursor, timeout_seconds: 30 },
        { since: cursor },
        { timeout_seconds: 1.5 },
      ]
    default:
      return [{}]
  }
}
