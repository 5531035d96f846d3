import { describe, expect, test } from 'bun:test'
import { oversizedMessage } from '../../src/mcp/message-bounds.ts'

function refusal(body: unknown): string | undefined {
  return oversizedMessage(body, JSON.stringify(body))
}

const lists = (count: number): unknown[] => Array.from({ length: count }, () => [])

describe('a message is refused before any schema sees it', () => {
  test.each<[string, unknown]>([
    ['capabilities of many values', { method: 'initialize', id: 1, params: { capabilities: { a: lists(600) } } }],
    [
      'capabilities of one long text',
      { method: 'initialize', id: 1, params: { capabilities: { a: 'x'.repeat(17_000) } } },
    ],
    ['an envelope of many values', { method: 'tools/call', id: 1, params: { name: 'a', _meta: { a: lists(600) } } }],
    ['a notification with much in it', { method: 'notifications/progress', params: { _meta: { a: lists(600) } } }],
    ['a URI of more than any topic needs', { method: 'resources/read', id: 1, params: { uri: 'x'.repeat(140_000) } }],
    ['an id that is kept and repeated', { method: 'ping', id: 'x'.repeat(257) }],
    ['a progress token that is', { method: 'ping', id: 1, params: { _meta: { progressToken: 'x'.repeat(257) } } }],
    [
      'one of an array',
      [
        { method: 'ping', id: 1 },
        { method: 'ping', id: 'x'.repeat(257) },
      ],
    ],
    [
      'values of a name that every object has',
      { method: 'ping', id: 1, params: JSON.parse(`{"__proto__": ${JSON.stringify(lists(600))}}`) },
    ],
  ])('%s', (_, body) => {
    expect(refusal(body)).toMatch(/has at most/)
  })

  test('but not for the arguments of a tool, which may be an event of 252 KiB', () => {
    const data = lists(80_000)
    expect(
      refusal({ method: 'tools/call', id: 1, params: { name: 'publish_event', arguments: { data } } }),
    ).toBeUndefined()
  })

  test('and not what clients send', () => {
    const clientInfo = { name: 'c', version: '1', icons: [{ src: `data:image/png;base64,${'A'.repeat(8000)}` }] }
    const capabilities = { sampling: { tools: {} }, elicitation: { form: {}, url: {} }, roots: { listChanged: true } }
    const params = { protocolVersion: '2025-11-25', capabilities, clientInfo }
    expect(refusal({ jsonrpc: '2.0', id: 1, method: 'initialize', params })).toBeUndefined()
    for (const body of [null, 7, 'text', [], {}, [null], { params: null }, { params: { _meta: null } }]) {
      expect(refusal(body)).toBeUndefined()
    }
  })
})
