import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Executable } from '../../support/executable.ts'
import type { McpClient } from '../../support/mcp-client.ts'
import { connect, MCP_KINDS } from '../../support/mcp-kinds.ts'
import { PYTHON_CLIENTS, pythonWithMcp } from '../../support/mcp-python.ts'
import { settled } from '../../support/settled.ts'
import { until } from '../../support/until.ts'

const TOPIC_TEMPLATE = 'events://topics/{+topic}'
const EVENT_TEMPLATE = 'events://events/{cursor}'
/** A wait that ends within this without an event to end it is not waiting. */
const LONG_ENOUGH_MS = 200

describe('a client that nobody wrote for this server', () => {
  let server: Executable

  beforeAll(async () => {
    await Promise.all(Object.values(PYTHON_CLIENTS).map(pythonWithMcp))
    server = await Executable.serve()
  }, 300_000)
  afterAll(async () => {
    await server?.remove()
  })

  async function post(topic: string, data: string): Promise<{ cursor: string; id: string }> {
    const answer = await fetch(`${server.url}/events/${topic}`, { method: 'POST', body: data })
    expect(answer.status).toBe(201)
    return (await answer.json()) as { cursor: string; id: string }
  }

  for (const [index, kind] of MCP_KINDS.entries()) {
    const { name, version, cannot, brief } = kind
    const topic = `kinds/${index}`

    describe(name, () => {
      let client: McpClient

      beforeAll(async () => {
        client = await connect(kind, server)
      }, 120_000)
      afterAll(async () => {
        await client?.close()
      })

      test(`agrees on ${version} and lists the tools`, async () => {
        expect(client.version).toBe(version)
        expect((await client.tools()).sort()).toEqual([
          'hub_status',
          'list_topics',
          'publish_event',
          'read_events',
          'wait_for_event',
        ])
      })

      test('publishes, and reads back what it published', async () => {
        const data = { total: 99, nested: [null, 'é'] }
        const published = await client.call('publish_event', { topic, type: 'order.paid', data })
        expect(published).toMatchObject({ isError: false, structured: { topic, type: 'order.paid' } })
        const { id, cursor } = published.structured
        const read = await client.call('read_events', { topics: [topic] })
        expect(read.structured).toMatchObject({ events: [{ id, cursor, topic, type: 'order.paid', data }], cursor })
        expect(JSON.parse(read.text)).toEqual(read.structured)
        const stored = await fetch(`${server.url}/events/${topic}?format=json`)
        expect(await stored.json()).toMatchObject({ events: [{ id, cursor, topic, type: 'order.paid', data }] })
      })

      if (brief) return

      test('waits for an event, and has it when somebody posts one', async () => {
        const { cursor: since } = await post(`${topic}/waited`, 'before')
        const waiting = client.call('wait_for_event', { topics: [`${topic}/waited`], since, timeout_seconds: 30 })
        expect(await Promise.race([waiting, Bun.sleep(LONG_ENOUGH_MS)])).toBeUndefined()
        const { cursor } = await post(`${topic}/waited`, 'after')
        const { structured } = await waiting
        expect(structured).toMatchObject({ events: [{ cursor, data: 'after' }], timedOut: false })
        const again = await client.call('read_events', { topics: [`${topic}/waited`], since: structured.cursor })
        expect(again.structured).toMatchObject({ events: [] })
      })

      test('reads resources: the list, the templates, a topic, an event', async () => {
        const { cursor } = await post(`${topic}/read`, 'as a resource')
        const listed = await client.resources()
        expect(listed).toContain('events://topics')
        expect(listed).toContain(`events://topics/${topic}/read`)
        expect((await client.templates()).sort()).toEqual([EVENT_TEMPLATE, TOPIC_TEMPLATE])
        expect(await client.read(`events://topics/${topic}/read`)).toContain(cursor)
        expect(await client.read(`events://events/${cursor}`)).toContain('as a resource')
      })

      const complete = cannot?.complete
      test(complete ? `cannot complete a topic: ${complete.why}` : 'completes a topic', async () => {
        await post(`${topic}/completed`, 'x')
        const completing = client.complete(TOPIC_TEMPLATE, 'topic', `${topic}/comp`)
        if (complete) expect(await settled(completing)).toThrow(complete.says)
        else expect(await completing).toEqual([`${topic}/completed`])
      })

      test('gets the prompt', async () => {
        expect(await client.prompt('watch_topic', { topic: `${topic}/prompted` })).toContain(`${topic}/prompted`)
      })

      const subscribe = cannot?.subscribe
      test(subscribe ? `cannot subscribe: ${subscribe.why}` : 'subscribes, and is notified of a POST', async () => {
        const uri = `events://topics/${topic}/subscribed`
        if (subscribe) return expect(await settled(client.subscribe(uri))).toThrow(subscribe.says)
        await post(`${topic}/subscribed`, 'before')
        const subscription = await client.subscribe(uri)
        await post(`${topic}/other`, 'of no interest')
        const { cursor } = await post(`${topic}/subscribed`, 'after')
        await until('a notification', () => subscription.told.length > 0)
        expect(subscription.told).toEqual([uri])
        expect(subscription.ended).toBeUndefined()
        expect(await client.read(uri)).toContain(cursor)
      })

      test('is told in words what it did wrong', async () => {
        // The Inspector looks at the schema first, others leave it to the server: none may end without a word.
        const call = client.call('read_events', { topics: [topic], limit: 0 })
        const said = await call.then(
          ({ isError, text }) => (isError ? text : ''),
          (error: Error) => error.message,
        )
        expect(said).toContain('limit')
      })
    })
  }
})
