import { describe, expect, test } from 'bun:test'
import { specTypeSchemas } from '@modelcontextprotocol/server'
import { checkedRequest } from '../../src/mcp/checked-request.ts'
import { catalogueHub } from '../support/catalogue-hub.ts'
import { rejection } from '../support/settled.ts'

describe('params that are not as the specification has them', () => {
  test.each([
    ['tools/call', { name: 5 }, 'params.name'],
    ['tools/call', {}, 'params.name'],
    ['tools/call', { name: 'list_topics', arguments: 'x' }, 'params.arguments'],
    ['tools/call', { name: 'list_topics', arguments: [] }, 'params.arguments'],
    ['tools/call', { name: 'list_topics', arguments: null }, 'params.arguments'],
    ['resources/read', { uri: 5 }, 'params.uri'],
    ['resources/read', {}, 'params.uri'],
    ['resources/templates/list', { cursor: 5 }, 'params.cursor'],
    ['prompts/get', { name: 'watch_topic', arguments: { topic: {} } }, 'params.arguments.topic'],
    ['completion/complete', { ref: 5 }, 'params.ref'],
  ])('of %s are refused as such, with the place in a sentence: %j', async (method, params, place) => {
    const { client: connect, close } = await catalogueHub()
    const client = await connect()
    const refused = client.request({ method, params }, specTypeSchemas.Result)
    expect(await rejection(refused)).toMatchObject({
      code: -32602,
      message: expect.stringContaining(`The params of ${method} are not as MCP has them, at "${place}": `),
    })
    await close()
  })

  test('are not repeated at length', () => {
    const long = { name: 'a', arguments: { ['x'.repeat(10_000)]: 1 } }
    expect(() => checkedRequest('prompts/get', long)).toThrow(
      /^The params of prompts\/get are not as MCP has them, at "params\.arguments\.xxx.{0,180}$/,
    )
  })

  test('are no hindrance where they only have more than it names', () => {
    const params = { uri: 'events://topics', _meta: { progressToken: 1 }, more: true }
    expect(checkedRequest('resources/read', params).params.uri).toBe('events://topics')
  })
})
