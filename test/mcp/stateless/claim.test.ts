import { expect, test } from 'bun:test'
import { isLegacyRequest, parseJSONRPCMessage } from '@modelcontextprotocol/server'
import fc from 'fast-check'
import { claimsStateless, namesSession } from '../../../src/mcp/eras/stateless/claim.ts'

const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'
const value = fc.constantFrom<unknown>('2026-07-28', '2025-11-25', '2099-01-01', 7, null, {}, '')
const meta = fc.oneof(
  value,
  fc.record({ [VERSION_KEY]: value, 'io.modelcontextprotocol/clientCapabilities': value }, { requiredKeys: [] }),
)
const message = fc.record(
  {
    jsonrpc: fc.constantFrom<unknown>('2.0', '1.0', 7),
    id: fc.constantFrom<unknown>(1, 'a', null, {}),
    method: fc.constantFrom<unknown>(
      'initialize',
      'tools/list',
      'notifications/cancelled',
      'server/discover',
      '',
      7,
      null,
    ),
    params: fc.oneof(value, fc.record({ _meta: meta }, { requiredKeys: [] })),
    result: value,
  },
  { requiredKeys: [] },
)
const wellFormed = fc.record(
  {
    jsonrpc: fc.constant('2.0'),
    id: fc.constantFrom<unknown>(1, 'a'),
    method: fc.constantFrom('initialize', 'tools/list', 'notifications/cancelled', 'server/discover'),
    params: fc.record({ _meta: meta }, { requiredKeys: [] }),
  },
  { requiredKeys: ['jsonrpc', 'method'] },
)
/** Of the first ones few have what a claim needs: too few for a number to count on. */
const claiming = fc
  .record({ message, version: value, capabilities: value })
  .map(({ message, version, capabilities }) => ({
    ...message,
    params: { _meta: { [VERSION_KEY]: version, 'io.modelcontextprotocol/clientCapabilities': capabilities } },
  }))
const header = fc.constantFrom(undefined, '2026-07-28', '2025-11-25', 'nonsense')

test('what claims to be stateless is never of an earlier era for the SDK either', async () => {
  let claimed = 0
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(message, claiming, fc.array(message, { maxLength: 2 }), value),
      header,
      async (body, version) => {
        if (!claimsStateless(body)) return
        claimed++
        const headers = { 'content-type': 'application/json', ...(version ? { 'mcp-protocol-version': version } : {}) }
        const request = new Request('http://127.0.0.1/mcp', { method: 'POST', headers, body: JSON.stringify(body) })
        expect(await isLegacyRequest(request, body)).toBe(false)
      },
    ),
    { numRuns: 3000 },
  )
  expect(claimed).toBeGreaterThan(50)
})

test('what is taken for a message of a session is one for the SDK, no message at all, or of a version that nobody speaks', async () => {
  let named = 0
  await fc.assert(
    fc.asyncProperty(fc.oneof(wellFormed, message, fc.array(wellFormed), value), header, async (body, version) => {
      const headers = { 'mcp-session-id': 'a', ...(version ? { 'mcp-protocol-version': version } : {}) }
      const request = new Request('http://127.0.0.1/mcp', { method: 'POST', headers, body: JSON.stringify(body) })
      if (!namesSession(request, body)) return
      const valid = attempt(() => parseJSONRPCMessage(body))
      if (valid) named++
      expect(!valid || version === 'nonsense' || (await isLegacyRequest(request, body))).toBe(true)
    }),
    { numRuns: 3000 },
  )
  expect(named).toBeGreaterThan(50)
})

function attempt(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch {
    return false
  }
}
