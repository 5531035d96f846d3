import { afterEach, beforeEach, expect, test } from 'bun:test'
import { draftOf } from '../support/draft.ts'
import { type StatelessHub, statelessHub } from '../support/stateless-hub.ts'
import { until } from '../support/until.ts'
import { SessionClient } from './sessions/session-client.ts'
import { sessionHub } from './sessions/session-hub.ts'

let served: StatelessHub
let cursor: string
beforeEach(async () => {
  served = await statelessHub({ catalogue: undefined })
  await served.hub.publish([draftOf('a')])
  cursor = served.hub.cursor(served.hub.log.head)
})
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

const wait = { name: 'wait_for_event', arguments: { topics: ['a'], timeout_seconds: 50 } }
const PROGRESS = { progressToken: 'p' }

/** As a process that is told to stop does it. */
async function stop(): Promise<void> {
  served.hub.admission.refuseNew()
  await served.hub.drain()
  await served.mcp.drain()
}

/** What the model is told: that the server stops, and where to go on. */
function lastWord() {
  const text = `The server is stopping; it will be back, try again in a moment. Go on with since "${cursor}". Wait `
  return { isError: true, content: [{ type: 'text', text: expect.stringContaining(text) }] }
}

test('a call of 2026-07-28 that waits when the server stops has the result written for it, as a document and as a stream', async () => {
  served.mcpLimits.jsonWithinMs = 10
  const late = await served.stream('tools/call', wait, { id: 'late' })
  served.mcpLimits.jsonWithinMs = 60_000
  const quick = served.ask('tools/call', wait, { id: 'quick' })
  const told = served.ask('tools/call', wait, { id: 'told', meta: PROGRESS })
  await until('all to wait', () => served.hub.connections === 3)
  await stop()
  expect(await (await quick).json()).toMatchObject({ id: 'quick', result: lastWord() })
  expect(await (await told).json()).toMatchObject({ id: 'told', result: lastWord() })
  await until('the end', () => late.ended)
  expect(late.messages).toEqual([expect.objectContaining({ id: 'late', result: expect.objectContaining(lastWord()) })])
})

test('a call of a session that waits when the server stops has the result written for it, before its session ends', async () => {
  const client = await SessionClient.begun(served.fetch)
  const listening = await client.listen()
  served.mcpLimits.jsonWithinMs = 10
  const late = await client.stream(client.request('tools/call', wait, 'late'))
  served.mcpLimits.jsonWithinMs = 60_000
  const quick = client.post(client.request('tools/call', wait, 'quick'))
  await until('both to wait', () => served.hub.connections === 2)
  await stop()
  expect(await (await quick).json()).toMatchObject({ id: 'quick', result: lastWord() })
  await late.end()
  await listening.end()
  expect(late.messages.at(-1)).toMatchObject({ id: 'late', result: lastWord() })
})

test('nobody who does not answer holds up a server that stops', async () => {
  const own = await statelessHub()
  const never = own.ask('tools/call', { name: 'wait', arguments: { name: 'never' } }, { id: 'never' })
  await until('it to wait', () => own.begun.length === 1)
  // Else this waits for ever.
  await own.mcp.drain()
  expect(await (await never).json()).toMatchObject({ id: 'never', error: { code: -32000 } })
  await own.close()
})

test('what is answered in the moment after the server was told to stop is still sent', async () => {
  const own = await sessionHub()
  const client = await own.begin()
  const answer = client.post(client.tool('hold', { name: 'a' }, { id: 'a' }))
  const { release } = await until('it to wait', () => own.held.get('a'))
  const drained = own.mcp.drain()
  setTimeout(release, 50, 'in time')
  expect(await (await answer).json()).toMatchObject({ id: 'a', result: { content: [{ text: 'in time' }] } })
  await drained
  await own.close()
})
