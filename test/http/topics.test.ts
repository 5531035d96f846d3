import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { TopicDocument } from '../../src/http/topics.ts'
import { expectProblem } from '../support/problem.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

interface Topics {
  topics: TopicDocument[]
  next?: string
}

let served: ServedHub
beforeAll(async () => {
  served = await servedHub()
  for (const topic of ['b/2', 'a', 'b/1', 'ö', 'b/1'])
    await served.fetch(`/events/${topic}`, { method: 'POST', body: '1' })
})
afterAll(() => served.close())

async function topics(query = ''): Promise<Topics> {
  const response = await served.fetch(`/topics?${query}`)
  expect(response.status).toBe(200)
  return (await response.json()) as Topics
}

test('are listed in byte order with their count and last event', async () => {
  const { topics: listed, next } = await topics()
  expect(listed.map(({ topic, events }) => [topic, events])).toEqual([
    ['a', 1],
    ['b/1', 2],
    ['b/2', 1],
    ['ö', 1],
  ])
  const last = (await served.stored()).at(-1)!
  expect(listed[1]).toMatchObject({
    lastCursor: `${last.epoch}.${last.offset}`,
    lastTime: new Date(last.received).toISOString(),
  })
  expect(next).toBeUndefined()
})

test('come a page at a time, none missing and none twice', async () => {
  const seen: string[] = []
  let page = await topics('limit=1')
  for (;;) {
    seen.push(...page.topics.map(({ topic }) => topic))
    if (page.next === undefined) break
    page = await topics(`limit=1&page=${page.next}`)
  }
  expect(seen).toEqual(['a', 'b/1', 'b/2', 'ö'])
})

test('are those that match one of the patterns', async () => {
  expect((await topics('pattern=b/*&pattern=a')).topics.map(({ topic }) => topic)).toEqual(['a', 'b/1', 'b/2'])
})

test('are refused what the query gets wrong', async () => {
  for (const [query, pointer] of [
    ['limit=0', '/limit'],
    ['limit=1001', '/limit'],
    ['page=%21', '/page'],
    ['page=YSBi', '/page'],
    ['page=YQ%21', '/page'],
    ['pattrn=a', '/pattrn'],
  ] as const) {
    await expectProblem(await served.fetch(`/topics?${query}`), 400, 'invalid-query', pointer)
  }
  await expectProblem(await served.fetch('/topics?pattern=a*'), 400, 'invalid-pattern', '/pattern')
})
