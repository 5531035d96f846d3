import { expect, test } from 'bun:test'
import { HubClient } from '../../../src/cli/client/hub-client.ts'
import { BatchSender } from '../../../src/cli/publish/batches.ts'
import { scriptedHub } from '../../support/scripted-hub.ts'
import { until } from '../../support/until.ts'

test('what gathers while a request is under way is sent when it ends, though nothing more comes', async () => {
  const answered = Promise.withResolvers<void>()
  await using hub = scriptedHub(async () => {
    await answered.promise
    return Response.json({ events: [{}], cursor: 'abc.1' }, { status: 201 })
  })
  const sender = new BatchSender(new HubClient('publish', hub.url, undefined))
  await sender.add('{"data":1}', 1)
  sender.start()
  await until('the first request is under way', () => hub.requests.length === 1)
  await sender.add('{"data":2}', 2)
  sender.start()
  expect(hub.requests).toHaveLength(1)
  answered.resolve()
  await until('the second request came by itself', () => hub.requests.length === 2)
  await sender.finish()
  expect(hub.requests.map(({ body }) => body)).toEqual(['{"data":1}\n', '{"data":2}\n'])
  expect(sender.published.events).toBe(2)
})
