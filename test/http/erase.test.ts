import { afterAll, beforeAll, expect, test } from 'bun:test'
import { expectProblem } from '../support/problem.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

let served: ServedHub
beforeAll(async () => {
  served = await servedHub()
})
afterAll(() => served.close())

async function published(topic: string): Promise<string> {
  const response = await served.fetch(`/events/${topic}`, { method: 'POST', body: 'x' })
  return ((await response.json()) as { cursor: string }).cursor
}

const erase = (path: string): Promise<Response> => served.fetch(path, { method: 'DELETE' })

test('one event goes by its cursor, and only once', async () => {
  const [first, second] = [await published('one'), await published('one')]
  expect((await erase(`/events/${first}`)).status).toBe(204)
  expect((await served.stored()).map((event) => `${event.epoch}.${event.offset}`)).toEqual([second])
  await expectProblem(await erase(`/events/${first}`), 404, 'not-found')
})

test('a topic goes with all its events, slashes and all', async () => {
  await published('two/x')
  await published('two/x')
  await published('two')
  expect((await erase('/topics/two%2Fx')).status).toBe(204)
  expect((await served.stored()).filter((event) => event.topic.startsWith('two')).map((event) => event.topic)).toEqual([
    'two',
  ])
  await expectProblem(await erase('/topics/two/x'), 404, 'not-found')
})

test('what is not there, or no cursor or topic, erases nothing', async () => {
  await published('three')
  const before = await served.stored()
  await expectProblem(await erase('/events/zzzz.1'), 404, 'not-found')
  await expectProblem(await erase(`/events/${before[0]!.epoch}.999999`), 404, 'not-found')
  await expectProblem(await erase('/events/three'), 400, 'invalid-cursor', '/cursor')
  await expectProblem(await erase('/topics/three/*'), 400, 'invalid-topic', '/topic')
  await expectProblem(await erase('/topics/a%ff'), 400, 'invalid-topic', '/topic')
  await expectProblem(await erase('/topics/three?force=1'), 400, 'invalid-query', '/force')
  expect(await served.stored()).toEqual(before)
})
