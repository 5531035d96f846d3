import type { Filter } from '../../src/core/filter.ts'
import { parseFilter } from '../../src/core/filter.ts'
import { narrowFilter } from '../../src/core/grants.ts'
import type { Asking } from '../../src/mcp/asking.ts'
import type { Catalogue, ResourceKind, Tool } from '../../src/mcp/catalogue/catalogue.ts'

const TOPICS = 'events://topics'
const OF_TOPIC = 'events://topics/'
/** What no client may ever read. */
export const INNER_WORDS = 'the words of an inner failure'

type Run = (input: Record<string, unknown>, asking: Asking) => Promise<unknown>

function tool(name: string, run: Run): Tool {
  return {
    definition: { name, description: name, inputSchema: { type: 'object' } },
    offered: () => true,
    call: async (input, asking) => ({
      content: [{ type: 'text', text: String(await run((input ?? {}) as Record<string, unknown>, asking)) }],
    }),
  }
}

function kind(more: Partial<ResourceKind> & Pick<ResourceKind, 'matches'>): ResourceKind {
  return { read: async (uri) => ({ contents: [{ uri, text: '' }] }), ...more }
}

/** A few things to call and to watch, by the rules of the hub's own: what is tested is what carries them. */
export function smallCatalogue() {
  /** Names of calls that wait, and of those that were aborted. */
  const begun: string[] = []
  const aborted: string[] = []
  const catalogue: Catalogue = {
    name: 'small',
    title: 'A small catalogue',
    version: '0.0.0-test',
    instructions: 'Call anything.',
    tools: [
      tool('echo', async ({ text }) => text),
      tool('whoami', async (_, { principal }) => principal.id),
      tool('boom', async () => {
        throw new Error(INNER_WORDS)
      }),
      tool('wait', async ({ name, aloud }, { signal, progress }) => {
        if (aloud) await progress?.(0, 1, 'waiting')
        begun.push(String(name))
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
        aborted.push(String(name))
      }),
      tool('steps', async ({ count, size }, { progress, signal }) => {
        for (let done = 1; done <= Number(count) && !signal.aborted; done++) {
          await progress?.(done, Number(count), 'x'.repeat(Number(size)))
        }
        if (signal.aborted) aborted.push('steps')
        return 'done'
      }),
    ],
    resources: [
      kind({
        matches: (uri) => uri === TOPICS,
        watched: (_, grants) => ({ kind: 'topics', filter: narrowFilter(everything(), grants) }),
      }),
      kind({
        template: { uriTemplate: `${OF_TOPIC}{+topic}`, name: 'topic' },
        matches: (uri) => uri.startsWith(OF_TOPIC),
        watched: (uri, grants) => ({
          kind: 'events',
          filter: narrowFilter(parseFilter([uri.slice(OF_TOPIC.length)], []), grants),
        }),
      }),
      kind({ matches: (uri) => uri === 'fixed://page' }),
    ],
    prompts: [],
  }
  return { catalogue, begun, aborted }
}

function everything(): Filter {
  return parseFilter([], [])
}
