import type { ElicitRequestFormParams } from '@modelcontextprotocol/server'
import { parseFilter } from '../../../src/core/filter.ts'
import { mayPublish, narrowFilter } from '../../../src/core/grants.ts'
import type { Asking } from '../../../src/mcp/asking.ts'
import type { Catalogue, Tool } from '../../../src/mcp/catalogue/catalogue.ts'

const OF_TOPIC = 'events://topics/'

const QUESTION: ElicitRequestFormParams = {
  mode: 'form',
  message: 'Which one?',
  requestedSchema: { type: 'object', properties: { which: { type: 'string' } } },
}

type Run = (input: Record<string, unknown>, asking: Asking) => Promise<unknown>

function tool(name: string, run: Run): Tool {
  return {
    definition: { name, description: name, inputSchema: { type: 'object' } },
    offered: (grants) => name !== 'publisher' || mayPublish(grants, 'orders/1'),
    call: async (input, asking) => ({
      content: [{ type: 'text', text: String(await run((input ?? {}) as Record<string, unknown>, asking)) }],
    }),
  }
}

/** A call that waits until it is let go, or its session or caller gives it up. */
export interface Held {
  asking: Asking
  release: (text?: string) => void
}

/** Tools that do what sessions have to cope with, as their test tells them. */
export function sessionCatalogue() {
  const held = new Map<string, Held>()
  /** Names of held calls that were aborted. */
  const aborted: string[] = []
  const hold = async (name: string, asking: Asking): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<string>()
    held.set(name, { asking, release: (text = `released ${name}`) => resolve(text) })
    asking.signal.addEventListener('abort', () => {
      aborted.push(name)
      resolve('aborted')
    })
    return promise
  }
  const catalogue: Catalogue = {
    name: 'sessions',
    title: 'What sessions have to cope with',
    version: '0.0.0-test',
    instructions: 'Call anything.',
    capabilities: { logging: {} },
    tools: [
      tool('echo', async ({ text }) => text),
      tool('publisher', async () => 'may publish'),
      tool('whoami', async (_, { principal, version }) => `${principal.id} ${version}`),
      tool('big', async ({ bytes }) => 'x'.repeat(Number(bytes))),
      tool('hold', async ({ name }, asking) => hold(String(name), asking)),
      tool('steps', async ({ count, size = 1 }, { progress, signal }) => {
        for (let done = 1; done <= Number(count) && !signal.aborted; done++)
          await progress?.(done, Number(count), 'x'.repeat(Number(size)))
        return 'done'
      }),
      tool('step then hold', async ({ name }, asking) => {
        await asking.progress?.(1, 2, 'begun')
        return hold(String(name), asking)
      }),
      tool('pause', async ({ name }, asking) => {
        asking.context.http?.closeSSE?.()
        return hold(String(name), asking)
      }),
      tool('pause listening', async (_, { context }) => {
        context.http?.closeStandaloneSSE?.()
        return 'paused'
      }),
      tool('ask', async (_, { context }) => {
        const answer = await context.mcpReq.send({ method: 'elicitation/create', params: QUESTION })
        return JSON.stringify(answer.content)
      }),
      // The SDK does not say which request this one belongs to.
      tool('ask anywhere', async (_, { context }) => {
        const answer = await context.mcpReq.elicitInput(QUESTION)
        return JSON.stringify(answer.content)
      }),
      tool('ask a lot', async ({ count, size }, { context }) => {
        const message = 'x'.repeat(Number(size))
        // Nobody answers: they are given up with the session.
        for (let asked = 0; asked < Number(count); asked++) {
          context.mcpReq.elicitInput({ ...QUESTION, message }).catch(() => {})
        }
      }),
      {
        ...tool('unwritable', async () => ''),
        call: async () => ({ content: [], structuredContent: { count: 1n } }) as never,
      },
    ],
    resources: [
      {
        template: { uriTemplate: `${OF_TOPIC}{+topic}`, name: 'topic' },
        matches: (uri) => uri.startsWith(OF_TOPIC),
        read: async (uri) => ({ contents: [{ uri, text: '' }] }),
        watched: (uri, grants) => ({
          kind: 'events',
          filter: narrowFilter(parseFilter([uri.slice(OF_TOPIC.length)], []), grants),
        }),
      },
    ],
    prompts: [],
  }
  return { catalogue, held, aborted }
}
