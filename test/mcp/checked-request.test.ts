import { describe, expect, test } from 'bun:test'
import { specTypeSchemas } from '@modelcontextprotocol/server'
import { checkedRequest } from '../../src/mcp/checked-request.ts'
import { catalogueHub } from '../support/catalogue-hub.ts'

describe('params that are not as the specification has them', () => {
  test.each([
    ['resources/read', { uri: 5 }, 'params.uri'],
    ['resources/read', {}, 'params.uri'],
    ['resources/templates/list', { cursor: 5 }, 'params.cursor'],
    ['prompts/get', { name: 'watch_topic', arguments: { topic: {} } }, 'params.arguments.topic'],
    ['completion/complete', { ref: 5 }, 'params.ref'],
  ])('of %s are refused as such, with the place in a sentence: %j', async (method, params, place) => {
    const { client: connect, close } = await catalogueHub()
    const client = await connect()
    const refused = client.request({ method, params }, specTypeSchemas.Result)
    await expect(refused).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining(`The params of ${method} are not as MCP has them, at "${place}": `),
    })
    await close()
  })

  test('are not repeated at length', async () => {
    const refused = checkedRequest('prompts/get', { name: 'a', arguments: { ['x'.repeat(10_000)]: 1 } })
    const { message } = await refused.catch((error) => error)
    expect(message).toStartWith('The params of prompts/get are not as MCP has them, at "params.arguments.xxx')
    expect(message.length).toBeLessThan(250)
  })

  test('are no hindrance where they only have more than it names', async () => {
    const params = { uri: 'events://topics', _meta: { progressToken: 1 }, more: true }
    expect((await checkedRequest('resources/read', params)).params.uri).toBe('events://topics')
  })
})
