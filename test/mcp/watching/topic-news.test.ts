import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { draftOf } from '../../support/draft.ts'
import { until } from '../../support/until.ts'
import { topicsOf, type WatchedHub, watchedHub } from '../../support/watched-hub.ts'

let served: WatchedHub
beforeEach(async () => {
  served = await watchedHub()
})
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

const publish = (...topics: string[]) => served.hub.publish(topics.map((topic) => draftOf(topic)))
/** Long enough for look-ups of this log, and for the next notice. */
const settle = () => served.pass(2000)

describe('who watches for new topics', () => {
  test('is told of a new one once, and of an old one never', async () => {
    await publish('old')
    const { watch, told } = served.watch()
    watch.add('new', topicsOf())
    await publish('old', 'old')
    await settle()
    expect(told).toEqual([])
    await publish('fresh')
    await settle()
    expect(told).toEqual(['new'])
    for (let count = 0; count < 5; count++) {
      await publish('fresh', 'old')
      await settle()
    }
    expect(told).toEqual(['new'])
  })

  test('is told only of topics that match', async () => {
    const { watch, told } = served.watch()
    watch.add('orders', topicsOf('orders/**'))
    await publish('other/1', 'secret')
    await settle()
    expect(told).toEqual([])
    await publish('orders/1')
    await settle()
    expect(told).toEqual(['orders'])
  })

  test('is told again of a topic that was erased and published again', async () => {
    const { watch, told } = served.watch()
    watch.add('new', topicsOf())
    await publish('a', 'b')
    await settle()
    await served.log.erase({ topic: 'a' })
    told.length = 0
    await publish('b')
    await settle()
    expect(told).toEqual([])
    await publish('a')
    await settle()
    expect(told).toEqual(['new'])
  })

  test('is told of a topic that retention emptied and that comes back, whatever others were seen since', async () => {
    const { watch, told } = served.watch()
    watch.add('new', topicsOf())
    await publish('a')
    await publish('b')
    await settle()
    served.clock.pass(86_400_000 + 60_000)
    await publish('b')
    await served.log.trim()
    await settle()
    told.length = 0
    await publish('b')
    await settle()
    expect(told).toEqual([])
    await publish('a')
    await settle()
    expect(told).toEqual(['new'])
  })

  test('is told once of topics that come in a burst of commits, and old ones among them count for nothing', async () => {
    await publish('old')
    const { watch, told } = served.watch()
    watch.add('new', topicsOf())
    // All of them before the first look-up is answered.
    await Promise.all(Array.from({ length: 20 }, () => publish('old', 'old')))
    await settle()
    expect(told).toEqual([])
    await Promise.all(Array.from({ length: 20 }, (_, index) => publish('old', 'fresh', `fresh/${index % 3}`)))
    await settle()
    expect(told.length).toBeGreaterThanOrEqual(1)
    expect(told.length).toBeLessThanOrEqual(2)
    const before = told.length
    await publish('old', 'fresh', 'fresh/1')
    await settle()
    expect(told.length).toBe(before)
  })

  test('is told without a look-up when more topics come than are looked up at a time', async () => {
    let asked = 0
    let release: (() => void) | undefined
    const blocked = new Promise<void>((resolve) => {
      release = resolve
    })
    const { topics } = served.log
    served.log.topics = async (...args) => {
      asked++
      await blocked
      return topics.apply(served.log, args)
    }
    const { watch, told } = served.watch()
    watch.add('new', topicsOf())
    await served.hub.publish(Array.from({ length: 400 }, (_, index) => draftOf(`t/${index}`)))
    // 8 at once, 256 that wait, and the others are told.
    expect(told).toEqual(['new'])
    expect(asked).toBe(8)
    release?.()
    await until('all questions to be answered', () => asked === 264)
    await settle()
    const before = told.length
    await served.hub.publish(Array.from({ length: 400 }, (_, index) => draftOf(`t/${index}`)))
    await settle()
    expect([asked, told.length]).toEqual([264, before])
  })

  test('is told when the log cannot say, and the failure is reported', async () => {
    served.log.topics = async () => {
      throw new Error('no answer')
    }
    const { watch, told } = served.watch()
    watch.add('new', topicsOf())
    await publish('a')
    await settle()
    expect(told).toEqual(['new'])
    expect(served.reports.splice(0).map(String)).toEqual(['Error: no answer'])
  })

  test('costs the log nothing when nobody watches', async () => {
    let asked = 0
    const { topics } = served.log
    served.log.topics = (...args) => {
      asked++
      return topics.apply(served.log, args)
    }
    const { watch } = served.watch()
    watch.add('orders', topicsOf('orders/**'))
    await publish('elsewhere')
    await settle()
    expect(asked).toBe(0)
    watch.close()
    await publish('orders/1')
    await settle()
    expect(asked).toBe(0)
  })
})
