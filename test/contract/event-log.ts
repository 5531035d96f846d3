import { afterEach, describe, expect, test } from 'bun:test'
import type { HubError } from '../../src/core/errors.ts'
import type { Draft, StoredEvent } from '../../src/core/event.ts'
import type { Commit, EventLog, Removal } from '../../src/core/event-log.ts'
import { type Filter, filterTopic, filterType, parseFilter } from '../../src/core/filter.ts'
import type { OpenedLog } from '../../src/storage/open.ts'
import { draftOf } from '../support/draft.ts'
import type { LogChoices } from '../support/log-options.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { rejection } from '../support/settled.ts'
import { until } from '../support/until.ts'

/** Opens an empty log; whatever it needs goes away after `close`. */
export type OpenEmptyLog = (choices: LogChoices) => Promise<{ log: OpenedLog; close(): Promise<void> }>

const everything = parseFilter([], [])
const roomy = { events: 1_000, bytes: 1 << 20 }

/** What every event log does, whatever it stores events in. */
export function eventLogContract(name: string, openEmpty: OpenEmptyLog): void {
  describe(name, () => {
    let closers: (() => Promise<void>)[] = []
    afterEach(async () => {
      for (const close of closers.splice(0)) await close()
      closers = []
    })

    async function open(choices: LogChoices = {}): Promise<OpenedLog> {
      const { log, close } = await openEmpty(choices)
      closers.push(close)
      return log
    }

    test('a new log has head 0, keeps nothing, and names a generation', async () => {
      const log = await open()
      expect([log.head, log.oldest]).toEqual([0, 1])
      expect(log.generations.current).toMatch(/^[a-z0-9]{8}$/)
      expect(await log.read(0, everything, roomy)).toEqual({
        events: [],
        position: 0,
        horizon: { offset: 0, received: 0 },
        lostUpTo: 0,
      })
      expect(await log.readLast(1, everything, roomy)).toEqual({ events: [], position: 0, damaged: false })
    })

    test('a probe is answered, but not before what was to be written, and not by a log that is closed', async () => {
      const log = await open()
      await log.probe()
      const order: string[] = []
      const appended = log.append([draftOf('a', '1')]).then(() => order.push('written'))
      // Accepted drafts are on their way to the disk after a turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve))
      await log.probe()
      order.push('probed')
      await appended
      expect(order).toEqual(['written', 'probed'])
      await log.close()
      expect(await rejection(log.probe())).toMatchObject({ code: 'log-closed' })
    })

    test('what was appended is read back exactly as the feed told it', async () => {
      const log = await open()
      const commits = feedOf(log)
      const drafts = [
        draftOf('a', '{"n": 1.50}', { type: 'x.y', id: 'one', time: '2026-01-01T00:00:00+02:00' }),
        draftOf('ü/ß/😀', 'a\u0000b\r\nc\u2028 😀', { isText: true }),
        draftOf('a', '', { isText: true }),
        draftOf('a', '"\ud83d\ude00"'),
      ]
      const receipts = await log.append(drafts)
      expect(receipts.map((receipt) => receipt.offset)).toEqual([1, 2, 3, 4])
      const events = commits.flatMap((commit) => commit.events)
      expect(events.map((event) => pick(event))).toEqual(drafts)
      expect((await log.read(0, everything, roomy)).events).toEqual(events)
      expect(await log.at(2)).toEqual(events[1]!)
      expect(receipts[0]).toEqual({
        ...{ offset: 1, epoch: log.generations.current, topic: 'a', type: 'x.y', id: 'one' },
        ...{ time: '2026-01-01T00:00:00+02:00', received: events[0]!.received, duplicate: false },
      })
    })

    test('appends commit in the order they were made, each request in one piece', async () => {
      const log = await open()
      const commits = feedOf(log)
      const sizes = Array.from({ length: 60 }, (_, index) => (index % 7) + 1)
      await Promise.all(
        sizes.map((size, index) =>
          log.append(Array.from({ length: size }, (_, at) => draftOf('a', `"${index}.${at}"`))),
        ),
      )
      const expected = sizes.flatMap((size, index) => Array.from({ length: size }, (_, at) => `"${index}.${at}"`))
      const events = commits.flatMap((commit) => commit.events)
      expect(events.map((event) => event.data)).toEqual(expected)
      expect(events.map((event) => event.offset)).toEqual(expected.map((_, index) => index + 1))
    })

    test('the head moves with the feed, and a publisher is answered after every listener and what it waits for', async () => {
      const log = await open()
      const order: string[] = []
      const gate = Promise.withResolvers<void>()
      log.onCommit((commit) => {
        order.push(`head ${log.head} of ${commit.head}`)
        return gate.promise.then(() => void order.push('listener done'))
      })
      const first = log.append([draftOf('a')]).then(() => order.push('answered 1'))
      await until('the first commit', () => log.head === 1)
      const second = log.append([draftOf('a')]).then(() => order.push('answered 2'))
      await until('a second commit while the first is unanswered', () => log.head === 2)
      expect(order).toEqual(['head 1 of 1', 'head 2 of 2'])
      expect(log.pressure.events).toBe(2)
      gate.resolve()
      await Promise.all([first, second])
      expect(order.slice(2)).toEqual(['listener done', 'listener done', 'answered 1', 'answered 2'])
      expect(log.pressure).toEqual({ events: 0, bytes: 0 })
    })

    test('a listener that was taken back hears nothing more', async () => {
      const log = await open()
      let heard = 0
      const stop = log.onCommit(() => void heard++)
      await log.append([draftOf('a')])
      stop()
      stop()
      await log.append([draftOf('a')])
      expect(heard).toBe(1)
    })

    test('a request with an id conflict stores nothing, uses up no offset, and fails alone', async () => {
      const log = await open()
      const commits = feedOf(log)
      const [first, refused, last] = await Promise.allSettled([
        log.append([draftOf('a', '1', { id: 'x' })]),
        log.append([draftOf('new', '1'), draftOf('a', '2', { id: 'y' }), draftOf('a', '2', { id: 'x' })]),
        log.append([draftOf('a', '3', { id: 'y' })]),
      ])
      expect(first.status).toBe('fulfilled')
      expect((refused as PromiseRejectedResult).reason).toMatchObject({ code: 'id-conflict', pointer: '/2/id' })
      expect((last as PromiseFulfilledResult<{ offset: number }[]>).value[0]!.offset).toBe(2)
      expect(commits.flatMap((commit) => commit.events).map((event) => event.data)).toEqual(['1', '3'])
      expect((await log.topics(everything, undefined, 10)).topics.map((topic) => topic.topic)).toEqual(['a'])
      await log.append([draftOf('new', '4')])
      expect((await log.read(2, parseFilter(['new'], []), roomy)).events.map((event) => event.data)).toEqual(['4'])
    })

    test.each([
      ['type', { type: 'other' }],
      ['data', { data: '2' }],
      ['text or JSON', { isText: true }],
    ])('the same id with another %s is a conflict', async (_, other) => {
      const log = await open()
      await log.append([draftOf('a', '1', { id: 'x' })])
      expect(await codeOf(log.append([draftOf('a', '1', { id: 'x', ...other })]))).toBe('id-conflict')
    })

    test('a duplicate gets the receipt of the first, in one batch, one group or later', async () => {
      const log = await open()
      const commits = feedOf(log)
      const same = () => draftOf('a', '1', { id: 'x' })
      const [batch, group] = await Promise.all([
        log.append([draftOf('b'), { ...same(), time: '2026-01-01T00:00:00Z' }, same(), draftOf('b')]),
        log.append([same()]),
      ])
      const later = await log.append([same(), same()])
      expect(batch!.map((receipt) => [receipt.offset, receipt.duplicate])).toEqual([
        [1, false],
        [2, false],
        [2, true],
        [3, false],
      ])
      for (const receipt of [batch![2]!, ...group!, ...later])
        expect(receipt).toEqual({ ...batch![1]!, duplicate: true })
      expect(commits.flatMap((commit) => commit.events).length).toBe(3)
      expect(log.head).toBe(3)
    })

    test('a request of duplicates only makes no commit', async () => {
      const log = await open()
      await log.append([draftOf('a', '1', { id: 'x' })])
      const commits = feedOf(log)
      await log.append([draftOf('a', '1', { id: 'x' })])
      expect(commits).toEqual([])
    })

    test('ids are unique per topic, not beyond', async () => {
      const log = await open()
      const receipts = await log.append([draftOf('a', '1', { id: 'x' }), draftOf('b', '2', { id: 'x' })])
      expect(receipts.map((receipt) => receipt.duplicate)).toEqual([false, false])
    })

    test('more waiting drafts than allowed, by number or bytes, are refused as overloaded until others are answered', async () => {
      const log = await open({ pending: { events: 3, bytes: 1_000 } })
      const gate = Promise.withResolvers<void>()
      log.onCommit(() => gate.promise)
      const accepted = log.append([draftOf('a'), draftOf('a')])
      await until('the commit', () => log.head === 2)
      const refused = log.append([draftOf('a'), draftOf('a')])
      expect(await codeOf(refused)).toBe('overloaded')
      expect((await refused.catch((error: HubError) => error)) as HubError).toHaveProperty('retryAfterMs', 1_000)
      expect(await codeOf(log.append([draftOf('a', 'x'.repeat(1_000))]))).toBe('overloaded')
      gate.resolve()
      await accepted
      expect((await log.append([draftOf('a'), draftOf('a')])).map((receipt) => receipt.offset)).toEqual([3, 4])
    })

    test('nothing appended is an empty answer', async () => {
      const log = await open()
      expect(await log.append([])).toEqual([])
    })

    test('pages of any size give every matching event once, in order, and positions that only rise', async () => {
      const log = await open()
      const all = await fill(log)
      for (const filter of filters) {
        for (const limit of [
          { events: 1, bytes: 1 << 20 },
          { events: 7, bytes: 1 << 20 },
          { events: 1_000, bytes: 300 },
          roomy,
        ]) {
          const read: StoredEvent[] = []
          let position = 0
          while (position < log.head) {
            const page = await log.read(position, filter, limit)
            expect(page.position).toBeGreaterThan(position)
            expect(page.events.length).toBeLessThanOrEqual(limit.events)
            const heavy = page.events.slice(0, -1).reduce((sum, event) => sum + event.bytes, 0)
            expect(heavy).toBeLessThan(limit.bytes)
            position = page.position
            read.push(...page.events)
          }
          expect(read).toEqual(all.filter((event) => matches(filter, event)))
        }
      }
    })

    test('reading backwards gives the newest matching events, oldest first', async () => {
      const log = await open()
      const all = await fill(log)
      for (const filter of filters) {
        for (const before of [log.head + 1, 151]) {
          const read: StoredEvent[] = []
          let position = before
          while (position > 0) {
            const page = await log.readLast(position, filter, { events: 7, bytes: 1 << 20 })
            expect(page.position).toBeLessThan(position)
            expect(page.events.length).toBeLessThanOrEqual(7)
            position = page.position
            read.unshift(...page.events)
          }
          expect(read).toEqual(all.filter((event) => event.offset < before && matches(filter, event)))
        }
      }
    })

    test('a read goes up to the head and no further', async () => {
      const log = await open()
      await fill(log)
      expect(await log.read(log.head, everything, roomy)).toMatchObject({ events: [], position: log.head })
      expect(await log.at(log.head + 1)).toBeUndefined()
    })

    test('every event a listener was told of can be read at once', async () => {
      const log = await open()
      const read: Promise<unknown>[] = []
      log.onCommit((commit) => {
        read.push(log.at(commit.head).then((event) => expect(event?.offset).toBe(commit.head)))
        read.push(
          log.read(commit.head - 1, everything, roomy).then((page) => expect(page.events.length).toBeGreaterThan(0)),
        )
      })
      for (let index = 0; index < 20; index++) await log.append([draftOf('a')])
      expect(read.length).toBe(40)
      await Promise.all(read)
    })

    test('receipt times never go back, and a time finds the place before the first event received then', async () => {
      const clock = new ManualClock(10_000)
      const log = await open({ clock })
      for (const now of [10_000, 20_000, 15_000, 30_000]) {
        clock.set(now)
        await log.append([draftOf('a')])
      }
      const page = await log.read(0, everything, roomy)
      expect(page.events.map((event) => event.received)).toEqual([10_000, 20_000, 20_000, 30_000])
      const places = await Promise.all(
        [0, 10_000, 10_001, 20_000, 20_001, 30_000, 30_001].map((time) => log.seek(time)),
      )
      expect(places).toEqual([0, 0, 1, 1, 3, 3, 4])
    })

    test('topics come in byte order with their counts, in pages, only those that match', async () => {
      const log = await open()
      await log.append(['b', 'Z', 'a/2', 'ü', 'a/1', '😀', '\uffee', 'a/1'].map((topic) => draftOf(topic)))
      const names: string[] = []
      let after: string | undefined
      do {
        const page = await log.topics(everything, after, 2)
        expect(page.topics.length).toBeLessThanOrEqual(2)
        names.push(...page.topics.map((topic) => topic.topic))
        after = page.next
      } while (after !== undefined)
      expect(names).toEqual(['Z', 'a/1', 'a/2', 'b', 'ü', '\uffee', '😀'])
      const some = await log.topics(parseFilter(['a/*'], []), undefined, 10)
      expect(some).toEqual({
        topics: [
          { topic: 'a/1', events: 2, lastOffset: 8, lastReceived: expect.any(Number) },
          { topic: 'a/2', events: 1, lastOffset: 3, lastReceived: expect.any(Number) },
        ],
        next: undefined,
      })
      expect(
        (await log.topics(parseFilter(['b', 'absent', 'Z'], []), 'Z', 10)).topics.map(({ topic }) => topic),
      ).toEqual(['b'])
    })

    test('an erased event is gone, is not a gap, and takes its topic along if it was the last', async () => {
      const log = await open()
      const removals = removalsOf(log)
      await log.append([draftOf('a'), draftOf('b', '1', { id: 'x' }), draftOf('a')])
      expect(await log.erase({ offset: 2 })).toBe(1)
      expect(await log.erase({ offset: 2 })).toBe(0)
      expect(await log.erase({ offset: 99 })).toBe(0)
      expect(await log.at(2)).toBeUndefined()
      expect(await log.read(0, everything, roomy)).toMatchObject({ position: 3, horizon: { offset: 0 } })
      expect((await log.topics(everything, undefined, 10)).topics.map(({ topic }) => topic)).toEqual(['a'])
      expect(removals.map((removal) => [1, 2, 3].map((offset) => removal.gone({ offset, topic: 'b' })))).toEqual([
        [false, true, false],
      ])
      expect(removals).toMatchObject([{ from: 1, upTo: 2, erased: true }])
      const [receipt] = await log.append([draftOf('b', '2', { id: 'x' })])
      expect(receipt).toMatchObject({ offset: 4, duplicate: false })
    })

    test('erasing a topic takes all of it and nothing else, and its newest event’s offset is not used again', async () => {
      const log = await open()
      const removals = removalsOf(log)
      await log.append([draftOf('a'), draftOf('b'), draftOf('a'), draftOf('b')])
      expect(await log.erase({ topic: 'b' })).toBe(2)
      expect((await log.read(0, everything, roomy)).events.map(({ offset }) => offset)).toEqual([1, 3])
      expect(log.head).toBe(4)
      expect(removals.some((removal) => removal.gone({ offset: 4, topic: 'b' }))).toBe(true)
      expect(removals).toMatchObject([{ from: 0, upTo: 4, erased: true }])
      expect(removals.some((removal) => removal.gone({ offset: 3, topic: 'a' }))).toBe(false)
      expect((await log.append([draftOf('a')]))[0]!.offset).toBe(5)
      expect((await log.topics(everything, undefined, 10)).topics).toMatchObject([
        { topic: 'a', events: 3, lastOffset: 5 },
      ])
    })

    test('after erasing a topic’s newest event the one before is its last', async () => {
      const clock = new ManualClock(1_000)
      const log = await open({ clock })
      await log.append([draftOf('a')])
      clock.set(2_000)
      await log.append([draftOf('a')])
      await log.erase({ offset: 2 })
      expect((await log.topics(everything, undefined, 10)).topics).toEqual([
        { topic: 'a', events: 1, lastOffset: 1, lastReceived: 1_000 },
      ])
    })

    test.each([
      ['number', { maxEvents: 3 }],
      ['bytes', { maxBytes: 3 * draftOf('a').bytes }],
    ])('retention by %s keeps the newest and says where it cut', async (_, retention) => {
      const log = await open({ retention })
      const removals = removalsOf(log)
      await log.append(Array.from({ length: 5 }, () => draftOf('a')))
      await log.trim()
      const page = await log.read(0, everything, roomy)
      expect(page.events.map(({ offset }) => offset)).toEqual([3, 4, 5])
      expect(page.horizon).toEqual({ offset: 2, received: page.events[0]!.received })
      expect(log.horizon(everything)).toEqual(page.horizon)
      expect(log.oldest).toBe(3)
      expect(removals.some((removal) => removal.gone({ offset: 2, topic: 'a' }))).toBe(true)
      expect(removals.some((removal) => removal.gone({ offset: 3, topic: 'a' }))).toBe(false)
    })

    test('a removal says between which offsets it took events, whatever the other groups lost before', async () => {
      const log = await open({ retention: { maxEvents: 1, topics: [{ pattern: 'b', maxEvents: 2 }] } })
      const removals = removalsOf(log)
      const trimmed = async (...topics: string[]) => {
        removals.length = 0
        await log.append(topics.map((topic) => draftOf(topic)))
        await log.trim()
        return removals.map(({ from, upTo, erased }) => [from, upTo, erased])
      }
      expect(await trimmed('a', 'a', 'a', 'b', 'b')).toEqual([[0, 2, false]])
      expect(await trimmed('b')).toEqual([[0, 4, false]])
      expect(await trimmed('a')).toEqual([[2, 3, false]])
      expect(await trimmed('b')).toEqual([[4, 5, false]])
    })

    test('other limits count at once: what is above lower ones goes by itself, what is below higher ones stays', async () => {
      const topics = [
        { pattern: 'own', maxEvents: 7 },
        { pattern: 'part', maxBytes: 1 << 20 },
      ]
      const limits = { maxAgeMs: 86_400_000, maxEvents: 20, maxBytes: 1 << 30 }
      const log = await open({ retention: { ...limits, topics } })
      const publish = async () => {
        for (const topic of ['other', 'own', 'part']) {
          for (let index = 0; index < 15; index++) await log.append([draftOf(topic, `${index}`)])
        }
      }
      const kept = async () => {
        const page = await log.topics(everything, undefined, 10)
        return page.topics.map(({ topic, events }) => `${topic} ${events}`).join()
      }
      await publish()
      await log.retain({ ...limits, maxEvents: 10 })
      await until('what is above them to go', async () => (await kept()) === 'other 10,own 7,part 10')
      await log.retain({ ...limits, maxEvents: 30 })
      await publish()
      await until('the rule that has its own to be kept to', async () => (await kept()) === 'other 25,own 7,part 25')
      await log.trim()
      expect(await kept()).toBe('other 25,own 7,part 25')
      await log.close()
      expect(await rejection(log.retain(limits))).toMatchObject({ code: 'log-closed' })
    })

    test('retention happens by itself after commits, and by time alone', async () => {
      const clock = new ManualClock()
      const log = await open({ clock, retention: { maxEvents: 3, maxAgeMs: 60_000 } })
      await log.append(Array.from({ length: 5 }, () => draftOf('a')))
      await until('events above the limit to go', () => log.oldest === 3)
      clock.pass(60_001)
      await until('old events to go', () => log.oldest === 6)
      expect(log.horizon(everything)).toEqual({ offset: 5, received: clock.now() - 60_001 })
      expect((await log.topics(everything, undefined, 10)).topics).toEqual([])
      expect((await log.append([draftOf('a')]))[0]!.offset).toBe(6)
      expect(log.oldest).toBe(6)
    })

    test('a clock that leaps ahead makes no event too old before it has been ahead for ten minutes', async () => {
      const clock = new ManualClock()
      const month = 30 * 86_400_000
      const lines: string[] = []
      const warn = (line: string) => void lines.push(line)
      const log = await open({ clock, warn, retention: { maxAgeMs: 3_600_000 } })
      const oldest = async () => {
        await log.trim()
        return log.oldest
      }
      await log.append([draftOf('a')])
      clock.leap(month)
      await log.append([draftOf('a')])
      expect([await oldest(), lines]).toEqual([1, [expect.stringContaining("This machine's clock leapt ahead")]])
      clock.pass(600_000)
      expect(await oldest()).toBe(1)
      clock.leap(-month)
      expect(await oldest()).toBe(1)
      clock.leap(month)
      expect(await oldest()).toBe(1)
      clock.pass(660_000)
      expect(await oldest()).toBe(2)
    })

    test('what is kept, trimmed and erased adds up to what was stored', async () => {
      const clock = new ManualClock(1_000)
      const log = await open({ clock, retention: { maxEvents: 3 } })
      const one = draftOf('a', '"data"')
      const amount = (events: number) => ({ events, bytes: events * one.bytes })
      expect(log.stats).toMatchObject({ kept: amount(0), oldestReceived: undefined })
      await log.append([one, one])
      clock.set(2_000)
      await log.append([one, one, one])
      await log.trim()
      expect(log.stats).toMatchObject({ kept: amount(3), trimmed: amount(2), erased: amount(0), oldestReceived: 2_000 })
      await log.erase({ offset: 4 })
      await log.erase({ topic: 'nothing' })
      expect(log.stats).toMatchObject({ kept: amount(2), trimmed: amount(2), erased: amount(1) })
      await log.erase({ topic: 'a' })
      expect(log.stats).toMatchObject({ kept: amount(0), erased: amount(3), oldestReceived: undefined })
      expect(log.stats.commits.counts.reduce((sum, count) => sum + count)).toBe(2)
    })

    test('a chatty group pushes out neither the rare event nor its horizon', async () => {
      const log = await open({
        retention: {
          maxEvents: 10,
          topics: [
            { pattern: 'logs/**', maxEvents: 2 },
            { pattern: 'audit/*', maxAgeMs: 1e12 },
          ],
        },
      })
      await log.append([draftOf('audit/1'), draftOf('other')])
      for (let index = 0; index < 30; index++) await log.append([draftOf('logs/app'), draftOf('logs/db')])
      await log.trim()
      expect((await log.read(0, everything, roomy)).events.map(({ topic }) => topic)).toEqual([
        'audit/1',
        'other',
        'logs/app',
        'logs/db',
      ])
      const horizon = (...patterns: string[]) => log.horizon(parseFilter(patterns, [])).offset
      expect(log.oldest).toBe(1)
      expect(horizon('audit/1')).toBe(0)
      expect(horizon('audit/*', 'other')).toBe(0)
      expect(horizon('logs/*')).toBe(60)
      expect(horizon('logs/app')).toBe(60)
      expect(horizon('*/app')).toBe(60)
      expect(horizon('*')).toBe(60)
      expect(horizon('*/*/*')).toBe(60)
    })

    test('a replay that retention overtakes has a horizon above its position', async () => {
      const log = await open({ retention: { maxEvents: 50 } })
      await log.append(Array.from({ length: 50 }, () => draftOf('a')))
      const page = await log.read(0, everything, { events: 10, bytes: 1 << 20 })
      expect(page.horizon.offset).toBeLessThanOrEqual(0)
      await log.append(Array.from({ length: 30 }, () => draftOf('a')))
      await log.trim()
      const next = await log.read(page.position, everything, roomy)
      expect(next.horizon.offset).toBe(30)
      expect(next.events[0]!.offset).toBe(31)
    })

    test('while retention works, no page has a hole that its horizon does not tell', async () => {
      const log = await open({ retention: { maxEvents: 200 } })
      let writing = true
      const written = (async () => {
        for (let round = 0; round < 60; round++) await log.append(Array.from({ length: 50 }, () => draftOf('a')))
        writing = false
      })()
      let position = 0
      while (writing || position < log.head) {
        const page = await log.read(position, everything, { events: 30, bytes: 1 << 20 })
        let expected = Math.max(position, page.horizon.offset) + 1
        for (const event of page.events) {
          if (event.offset <= page.horizon.offset) continue
          expect(event.offset).toBe(expected++)
        }
        position = page.position
      }
      await written
    })

    test('an id is free again when retention took its event', async () => {
      const log = await open({ retention: { maxEvents: 1 } })
      await log.append([draftOf('a', '1', { id: 'x' })])
      await log.append([draftOf('a', '2')])
      await log.trim()
      expect((await log.append([draftOf('a', '3', { id: 'x' })]))[0]).toMatchObject({ offset: 3, duplicate: false })
    })

    test('cursors of this log resolve, and none beyond the head', async () => {
      const log = await open()
      await log.append([draftOf('a'), draftOf('a')])
      const epoch = log.generations.current
      expect(log.generations.resolve({ epoch, offset: 2 }, log.head)).toBe(2)
      expect(log.generations.resolve({ epoch, offset: 3 }, log.head)).toBeUndefined()
      expect(log.generations.resolve({ epoch: 'zzzzzzzz', offset: 1 }, log.head)).toBeUndefined()
    })

    test('closing waits for what was accepted, and then everything is refused', async () => {
      const log = await open()
      const accepted = log.append([draftOf('a')])
      const closed = log.close()
      expect(await codeOf(log.append([draftOf('a')]))).toBe('log-closed')
      expect((await accepted)[0]!.offset).toBe(1)
      await closed
      await log.close()
      expect(await codeOf(log.read(0, everything, roomy))).toBe('log-closed')
    })
  })
}

const filters: Filter[] = [
  everything,
  parseFilter(['t/1'], []),
  parseFilter(['t/1', 't/2/x', 'absent'], []),
  parseFilter(['absent'], []),
  parseFilter(['t/*'], []),
  parseFilter(['t/**'], []),
  parseFilter(['t/*/x'], ['b.*']),
  parseFilter([], ['a']),
  parseFilter(['t/1', 't/2'], ['a', 'b.*']),
  parseFilter([], ['unused']),
]

/** 300 events on 40 topics. */
async function fill(log: EventLog): Promise<StoredEvent[]> {
  const commits = feedOf(log)
  const drafts: Draft[] = Array.from({ length: 300 }, (_, index) => {
    const topic = index % 3 === 0 ? `t/${index % 20}/x` : `t/${index % 20}`
    return draftOf(topic, `"${'x'.repeat((index * 37) % 90)}"`, { type: index % 4 === 0 ? 'a' : 'b.c' })
  })
  for (let start = 0; start < drafts.length; start += 50) await log.append(drafts.slice(start, start + 50))
  return commits.flatMap((commit) => [...commit.events])
}

function matches(filter: Filter, event: StoredEvent): boolean {
  return filterTopic(filter, event.topic) && filterType(filter, event.type)
}

function feedOf(log: EventLog): Commit[] {
  const commits: Commit[] = []
  log.onCommit((commit) => void commits.push(commit))
  return commits
}

function removalsOf(log: EventLog): Removal[] {
  const removals: Removal[] = []
  log.onRemoval((removal) => void removals.push(removal))
  return removals
}

function pick({ topic, type, data, isText, id, time, bytes }: StoredEvent): Draft {
  return { topic, type, data, isText, id, time, bytes }
}

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: HubError) => error.code,
  )
}
