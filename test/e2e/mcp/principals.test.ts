import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { configuredKey, keysVariable } from '../../support/configured-key.ts'
import { Executable } from '../../support/executable.ts'
import type { McpClient, ToolAnswer } from '../../support/mcp-client.ts'
import { connect, MCP_VERSIONS } from '../../support/mcp-kinds.ts'
import { until } from '../../support/until.ts'

const TOPIC_TEMPLATE = 'events://topics/{+topic}'

/** A failure as its client has it, without the one name that tells it from another. */
async function refusal(asked: Promise<unknown>, name: string): Promise<string> {
  const said = await asked.then(
    (answer) => {
      if ((answer as ToolAnswer).isError !== true) throw new Error(`${name} was not refused: ${JSON.stringify(answer)}`)
      return (answer as ToolAnswer).text
    },
    (error: Error) => error.message,
  )
  return said.replaceAll(name, '<it>').replaceAll(encodeURIComponent(name), '<it>')
}

describe('two principals at once', () => {
  const annsKey = configuredKey('ann', { publish: ['ann/**'], subscribe: ['ann/**'] })
  const bobsKey = configuredKey('bob', { publish: ['bob/**'], subscribe: ['bob/**'] })
  let server: Executable

  beforeAll(async () => {
    server = await Executable.serve({ MCP_SSE_AUTH_KEYS: keysVariable(annsKey, bobsKey) })
  })
  afterAll(async () => {
    await server?.remove()
  })

  for (const [index, kind] of MCP_VERSIONS.entries()) {
    describe(kind.name, () => {
      const mine = `ann/${index}`
      const theirs = `bob/${index}`
      let ann: McpClient
      let bob: McpClient
      let myCursor: string
      let theirCursor: string

      beforeAll(async () => {
        ann = await connect(kind, server, annsKey.text)
        bob = await connect(kind, server, bobsKey.text)
        myCursor = (await ann.call('publish_event', { topic: mine, data: 'of ann' })).structured.cursor as string
        theirCursor = await publishByBob('of bob')
      })
      afterAll(async () => {
        await ann?.close()
        await bob?.close()
      })

      async function publishByBob(data: string): Promise<string> {
        const { structured } = await bob.call('publish_event', { topic: theirs, data })
        return structured.cursor as string
      }

      test('events: a pattern shows one’s own alone, and a topic of the other is refused as an absent one is', async () => {
        for (const topics of [undefined, ['**'], ['*/*']]) {
          const { structured } = await ann.call('read_events', {
            ...(topics && { topics }),
            since: 'earliest',
            limit: 100,
          })
          const seen = (structured.events as { topic: string }[]).map(({ topic }) => topic)
          expect(seen).toContain(mine)
          expect(seen.filter((topic) => !topic.startsWith('ann/'))).toEqual([])
        }
        for (const tool of ['read_events', 'wait_for_event']) {
          const existing = await refusal(ann.call(tool, { topics: [theirs] }), theirs)
          expect(existing).toContain('forbidden')
          expect(existing).toBe(await refusal(ann.call(tool, { topics: ['bob/none'] }), 'bob/none'))
        }
        const foreign = await refusal(ann.call('publish_event', { topic: theirs, data: 1 }), theirs)
        expect(foreign).toBe(await refusal(ann.call('publish_event', { topic: 'bob/none', data: 1 }), 'bob/none'))
      })

      test('waiting: an event of the other wakes nobody', async () => {
        const waiting = ann.call('wait_for_event', { topics: ['**'], since: myCursor, timeout_seconds: 30 })
        await publishByBob('does not wake ann')
        const bobs = bob.call('wait_for_event', { topics: ['**'], since: theirCursor })
        expect((await bobs).structured.events).toMatchObject([{ data: 'does not wake ann' }])
        await ann.call('publish_event', { topic: mine, data: 'wakes ann' })
        expect((await waiting).structured.events).toMatchObject([{ topic: mine, data: 'wakes ann' }])
      })

      test('topics, resources and completions: nothing of the other is named', async () => {
        const named = [
          JSON.stringify((await ann.call('list_topics', {})).structured),
          JSON.stringify(await ann.resources()),
          await ann.read('events://topics'),
          await ann.read('events://topics/**'),
          JSON.stringify((await ann.call('hub_status', {})).structured),
        ]
        for (const text of named) expect(text).not.toContain('bob')
        for (const text of named.slice(0, 4)) expect(text).toContain(mine)
        expect(await ann.complete(TOPIC_TEMPLATE, 'topic', 'bob')).toEqual([])
        expect(await ann.complete(TOPIC_TEMPLATE, 'topic', '')).not.toContain(theirs)
      })

      test('a resource of the other is answered as an absent one is', async () => {
        const beyond = theirCursor.replace(/\d+$/, '999999')
        const foreign = await refusal(ann.read(`events://events/${theirCursor}`), theirCursor)
        expect(foreign).toBe(await refusal(ann.read(`events://events/${beyond}`), beyond))
        const topic = await refusal(ann.read(`events://topics/${theirs}`), theirs)
        expect(topic).toBe(await refusal(ann.read('events://topics/bob/none'), 'bob/none'))
        expect(await bob.read(`events://events/${theirCursor}`)).toContain('of bob')
      })

      test('notifications: one is told of one’s own events alone', async () => {
        // What only the other writes to, within a pattern that both may ask for.
        const apart = `apart-${index}`
        const anns = await ann.subscribe(`events://topics/*/${apart}`)
        const bobs = await bob.subscribe(`events://topics/*/${apart}`)
        const marker = await ann.subscribe(`events://topics/${mine}`)
        await bob.call('publish_event', { topic: `bob/${apart}`, data: 'not told to ann' })
        await until('a notification of bob', () => bobs.told.length > 0)
        await ann.call('publish_event', { topic: mine, data: 'told to ann' })
        await until('a notification of what came after', () => marker.told.length > 0)
        expect(anns.told).toEqual([])
        await ann.call('publish_event', { topic: `ann/${apart}`, data: 'told to ann' })
        await until('a notification of ann', () => anns.told.length > 0)
        const foreign = await refusal(ann.subscribe(`events://topics/${theirs}`), theirs)
        expect(foreign).toBe(await refusal(ann.subscribe('events://topics/bob/none'), 'bob/none'))
      })
    })
  }
})
