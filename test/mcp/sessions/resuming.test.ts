import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { until } from '../../support/until.ts'
import type { Message } from './session-client.ts'
import { type SessionHub, sessionHub } from './session-hub.ts'

let served: SessionHub
beforeEach(async () => {
  served = await sessionHub()
})
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

describe('a call whose connection is lost', () => {
  test('goes on, and its result is there for the client that comes back', async () => {
    const client = await served.begin()
    const stream = await client.stream(client.tool('step then hold', { name: 'a' }, { id: 'call', progress: true }))
    await until('it to wait', () => served.held.has('a') && stream.messages.length === 1)
    stream.drop()
    await stream.end()
    expect(served.aborted).toEqual([])
    served.held.get('a')!.release('the result')
    const again = await client.listen(stream.lastId)
    await again.end()
    expect(again.messages.map(({ id }) => id)).toEqual(['call'])
    expect(again.messages[0].result.content[0].text).toBe('the result')
  })

  test('goes on live when the client comes back before its result', async () => {
    const client = await served.begin()
    const stream = await client.stream(client.tool('step then hold', { name: 'a' }, { id: 'call', progress: true }))
    await until('it to wait', () => served.held.has('a') && stream.messages.length === 1)
    stream.drop()
    // From its very beginning: everything again.
    const again = await client.listen('1.0')
    await until('the progress', () => again.messages.length === 1)
    expect(again.ended).toBe(false)
    served.held.get('a')!.release()
    await again.end()
    expect(again.messages.map(({ id, method }) => id ?? method)).toEqual(['notifications/progress', 'call'])
  })

  test('leaves the stream of the session as it is', async () => {
    const client = await served.begin()
    const listening = await client.listen()
    const stream = await client.stream(client.tool('step then hold', { name: 'a' }, { progress: true }))
    await until('it to wait', () => served.held.has('a') && stream.lastId === '1.1')
    stream.drop()
    const again = await client.listen('1.1')
    served.sessions.announce('tools')
    served.held.get('a')!.release()
    await again.end()
    await until('the change', () => listening.messages.length === 1)
    expect([listening.ended, again.messages.length]).toEqual([false, 1])
    listening.drop()
  })

  test('is taken over by the newest connection that comes for it', async () => {
    const client = await served.begin()
    const stream = await client.stream(client.tool('step then hold', { name: 'a' }, { progress: true }))
    await until('it to wait', () => served.held.has('a'))
    const again = await client.listen('1.1')
    await stream.end()
    served.held.get('a')!.release()
    await again.end()
    expect([stream.messages.length, again.messages.length]).toEqual([1, 1])
  })
})

describe('a client that comes back', () => {
  test('for what is complete and was read to its end is told not to come again', async () => {
    const client = await served.begin()
    const stream = await client.stream(client.tool('steps', { count: 1 }, { progress: true }))
    await stream.end()
    const answer = await client.send('GET', { 'last-event-id': stream.lastId })
    expect([stream.lastId, answer.status]).toEqual(['1.2', 204])
  })

  test('for what never was, or is not kept any more, is told to send its request again', async () => {
    const client = await served.begin()
    const stream = await client.stream(client.tool('steps', { count: 40, size: 8192 }, { progress: true }))
    await stream.end()
    for (const id of ['1.0', '1.5', '1.42', '2.0', '999999999999999.1']) {
      const answer = await client.send('GET', { 'last-event-id': id })
      const { error } = (await answer.json()) as Message
      expect([id, answer.status, error.code]).toEqual([id, 400, -32000])
      expect(error.message).toContain('send the request again')
    }
    const near = await client.listen('1.39')
    await near.end()
    expect(near.messages.length).toBe(2)
  })

  test('in another session finds nothing of this one', async () => {
    const client = await served.begin()
    const other = await served.begin()
    const stream = await client.stream(client.tool('steps', { count: 2 }, { progress: true }))
    await stream.end()
    expect((await other.send('GET', { 'last-event-id': '1.0' })).status).toBe(400)
  })
})

describe('a tool that ends its stream early', () => {
  test('has it begin first, and its client finds the result when it comes back', async () => {
    const client = await served.begin()
    const stream = await client.stream(client.tool('pause', { name: 'p' }, { id: 'paused' }))
    await stream.end()
    expect([stream.messages, stream.blocks.map(({ id, data }) => [id, data])]).toEqual([[], [['1.0', '']]])
    const again = await client.listen('1.0')
    served.held.get('p')!.release('in the end')
    await again.end()
    expect(again.messages.map(({ id, result }) => [id, result.content[0].text])).toEqual([['paused', 'in the end']])
  })

  test('does not before 2025-11-25, whose clients do not come back', async () => {
    const client = await served.begin({ version: '2025-06-18' })
    const asked = client.post(client.tool('pause', { name: 'p' }))
    await until('it to wait', () => served.held.has('p'))
    served.held.get('p')!.release('at once')
    expect((await asked).headers.get('content-type')).toBe('application/json')
  })
})
