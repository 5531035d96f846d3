import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eventTypesOf } from '../../support/event-types.ts'
import { expectProblem } from '../../support/problem.ts'
import { type ServedHub, servedHub } from '../../support/served-hub.ts'
import { statelessRequest } from '../../support/stateless-hub.ts'

const types = eventTypesOf({
  name: 'build.finished',
  topic: 'builds/**',
  properties: { outcome: { enum: ['passed', 'failed'] }, 'a\nb': { type: 'number' } },
})

let served: ServedHub
beforeAll(async () => {
  served = await servedHub({ check: types.check.bind(types) })
})
afterAll(() => served.close())

function post(path: string, type: string, body: string, headers: Record<string, string> = {}) {
  return served.fetch(path, { method: 'POST', body, headers: { 'content-type': type, ...headers } })
}

const CLOUD = { specversion: '1.0', id: '1', source: 'builds', type: 'x' }
const good = { topic: 'builds/1', data: { outcome: 'passed' } }
const bad = { topic: 'builds/1', data: { outcome: 'lost' } }
const RULE = 'The data is not of the event type build.finished: /data/outcome must be one of "passed","failed" (enum).'

describe('data that is not of its event type is refused with where it is, and nothing is stored', () => {
  test.each<[string, string, string, string, Record<string, string>, string, string]>([
    ['a body', '/events/builds/1', 'application/json', JSON.stringify(bad.data), {}, '/data/outcome', RULE],
    ['an event', '/events', 'application/json', JSON.stringify(bad), {}, '/data/outcome', RULE],
    ['a list', '/events', 'application/json', JSON.stringify([good, bad]), {}, '/1/data/outcome', `Event 1: ${RULE}`],
    [
      'lines',
      '/events',
      'application/x-ndjson',
      `${JSON.stringify(good)}\n\n${JSON.stringify(bad)}\n`,
      {},
      '/3/data/outcome',
      `Line 3: ${RULE}`,
    ],
    [
      'a CloudEvent',
      '/events',
      'application/cloudevents+json',
      JSON.stringify({ ...CLOUD, data: bad.data }),
      {},
      '/data/outcome',
      RULE,
    ],
    [
      'CloudEvents',
      '/events',
      'application/cloudevents-batch+json',
      JSON.stringify([{ ...CLOUD, data: bad.data }]),
      {},
      '/0/data/outcome',
      `Event 0: ${RULE}`,
    ],
    [
      'a CloudEvent in headers',
      '/events',
      'application/json',
      JSON.stringify(bad.data),
      { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': 'builds', 'ce-type': 'x' },
      '/data/outcome',
      RULE,
    ],
    [
      'what curl -d sends',
      '/events',
      'application/x-www-form-urlencoded',
      JSON.stringify(bad),
      {},
      '/data/outcome',
      RULE,
    ],
    [
      'text',
      '/events/builds/1',
      'text/plain',
      'passed',
      {},
      '/data',
      'The data is not of the event type build.finished: /data must be object (type).',
    ],
    [
      'a place whose name has a line break',
      '/events/builds/1',
      'application/json',
      '{"a\\nb": ""}',
      {},
      '/data/a\nb',
      'The data is not of the event type build.finished: /data/a\nb must be number (type).',
    ],
  ])('%s', async (_, path, type, body, headers, pointer, detail) => {
    const problem = await expectProblem(await post(path, type, body, headers), 400, 'invalid-event', pointer)
    expect(problem.detail).toBe(detail)
    expect(await served.stored()).toEqual([])
  })

  test('publish_event of MCP', async () => {
    const params = { name: 'publish_event', arguments: bad }
    const answer = await (await served.fetch('/mcp', statelessRequest('tools/call', params))).text()
    expect(answer).toContain('[invalid-event at /data/outcome]')
    expect(answer).toContain('is not of the event type build.finished')
    expect(await served.stored()).toEqual([])
  })
})

test('data that is of its event type is stored', async () => {
  expect((await post('/events', 'application/json', JSON.stringify(good))).status).toBe(201)
  expect((await post('/events/other', 'text/plain', 'anything')).status).toBe(201)
  expect(await served.stored()).toHaveLength(2)
})
