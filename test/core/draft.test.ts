import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { draftFrom, draftFromBody, MAX_DATA_BYTES, type RawEvent } from '../../src/core/draft.ts'
import { type ErrorCode, HubError } from '../../src/core/errors.ts'

function refusal(make: () => unknown): HubError {
  try {
    make()
  } catch (error) {
    if (error instanceof HubError) return error
    throw error
  }
  throw new Error('Nothing was refused.')
}

function raw(body: string, more: Partial<RawEvent> = {}): RawEvent {
  return { topic: 't', type: 'message', id: null, time: null, body, ...more }
}

const wellFormed = fc.string({ unit: 'binary' }).map((text) => text.toWellFormed())
const json = fc.jsonValue({ maxDepth: 6 })

describe('an event object', () => {
  test('needs only data', () => {
    expect(draftFrom({ data: { total: 99 } })).toEqual({
      topic: 'default',
      type: 'message',
      data: '{"total":99}',
      isText: false,
      id: null,
      time: null,
      bytes: 7 + 7 + 12,
    })
  })

  test('keeps what it names, and counts its bytes as UTF-8', () => {
    const time = '2026-11-22T12:00:00+01:00'
    const made = draftFrom({ topic: 'ö/1', type: 'order.paid', id: 'ä', time, data: 'ü' })
    expect(made).toEqual({
      topic: 'ö/1',
      type: 'order.paid',
      id: 'ä',
      time,
      data: 'ü',
      isText: true,
      bytes: 4 + 10 + 2 + 2,
    })
  })

  test('takes null, false, 0 and the empty string as data', () => {
    expect([null, false, 0, ''].map((data) => draftFrom({ data }).data)).toEqual(['null', 'false', '0', ''])
  })

  test('reads back as the JSON value that was sent', () => {
    fc.assert(
      fc.property(json, (data) => {
        const made = draftFrom(JSON.parse(JSON.stringify({ data })))
        const read: unknown = made.isText ? made.data : JSON.parse(made.data)
        expect(JSON.stringify(read)).toBe(JSON.stringify(typeof data === 'string' ? data.toWellFormed() : data))
      }),
    )
  })

  test('has text without lone surrogates', () => {
    expect(draftFrom({ data: 'a\ud800b' }).data).toBe('a\ufffdb')
    expect(Buffer.from(draftFrom({ data: ['\ud800'] }).data).toString()).toBe('["\\ud800"]')
  })

  const refused: [name: string, event: unknown, code: ErrorCode, pointer: string | undefined][] = [
    ['nothing', undefined, 'invalid-event', undefined],
    ['null', null, 'invalid-event', undefined],
    ['a string', 'x', 'invalid-event', undefined],
    ['an array', [], 'invalid-event', undefined],
    ['no data', { topic: 'a' }, 'invalid-event', '/data'],
    ['an unknown field', { data: 1, extra: 2 }, 'invalid-event', '/extra'],
    ['__proto__ as a field', JSON.parse('{"data":1,"__proto__":2}'), 'invalid-event', '/__proto__'],
    ['a field that needs escaping', { data: 1, 'a/b~': 2 }, 'invalid-event', '/a~1b~0'],
    ['an unknown field of a megabyte', { data: 1, ['x'.repeat(1e6)]: 2 }, 'invalid-event', undefined],
    ['a number as topic', { data: 1, topic: 1 }, 'invalid-event', '/topic'],
    ['null as id', { data: 1, id: null }, 'invalid-event', '/id'],
    ['an empty topic', { data: 1, topic: '' }, 'invalid-topic', '/topic'],
    ['a reserved topic', { data: 1, topic: '$sys' }, 'invalid-topic', '/topic'],
    ['a wildcard in the topic', { data: 1, topic: 'a/*' }, 'invalid-topic', '/topic'],
    ['the type error', { data: 1, type: 'error' }, 'invalid-type', '/type'],
    ['a control type', { data: 1, type: '$open' }, 'invalid-type', '/type'],
    ['an empty id', { data: 1, id: '' }, 'invalid-id', '/id'],
    ['an id of the hub', { data: 1, id: 'evt_k_1' }, 'invalid-id', '/id'],
    ['an id with a newline', { data: 1, id: 'a\nb' }, 'invalid-id', '/id'],
    ['an id with half a surrogate pair', { data: 1, id: '\ud800' }, 'invalid-id', '/id'],
    ['an id of 257 bytes', { data: 1, id: `${'ä'.repeat(128)}a` }, 'invalid-id', '/id'],
    ['a day that is not in the calendar', { data: 1, time: '2026-02-29T00:00:00Z' }, 'invalid-time', '/time'],
    ['a time without a zone', { data: 1, time: '2026-02-28T00:00:00' }, 'invalid-time', '/time'],
    ['a number beyond JavaScript', JSON.parse('{"data":{"a":[1e999]}}'), 'invalid-event', '/data'],
    ['text of one byte too many', { data: 'x'.repeat(MAX_DATA_BYTES - 1) }, 'event-too-large', '/data'],
    ['text too large when escaped', { data: '\u0001'.repeat(MAX_DATA_BYTES / 6) }, 'event-too-large', '/data'],
    ['JSON of one byte too many', { data: ['x'.repeat(MAX_DATA_BYTES - 3)] }, 'event-too-large', '/data'],
  ]
  test.each(refused)('is refused with %s', (_, event, code, pointer) => {
    const error = refusal(() => draftFrom(event))
    expect({ code: error.code, pointer: error.pointer }).toEqual({ code, pointer })
    expect(error.message.length).toBeLessThan(300)
  })

  test('may be exactly as large as the limit', () => {
    expect(draftFrom({ data: 'x'.repeat(MAX_DATA_BYTES - 2) }).isText).toBe(true)
    expect(draftFrom({ data: ['x'.repeat(MAX_DATA_BYTES - 4)] }).data.length).toBe(MAX_DATA_BYTES)
    expect(draftFrom({ data: 1, id: 'ä'.repeat(128) }).id).toHaveLength(128)
  })

  test('says which field a misspelt one was to be', () => {
    expect(refusal(() => draftFrom({ data: 1, topc: 'a' })).message).toContain('Did you mean "topic"?')
  })

  test('has a time that every reader can parse', () => {
    for (const time of ['2024-02-29T23:59:59Z', '2026-11-22t12:00:00.123456789-23:59', '0001-01-01T00:00:00z']) {
      expect(draftFrom({ data: 1, time }).time).toBe(time)
    }
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        (date) => {
          expect(draftFrom({ data: 1, time: date.toISOString() }).time).toBe(date.toISOString())
        },
      ),
    )
  })

  test('is made or refused with a code, whatever JSON it is', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('topic', 'type', 'data', 'id', 'time', 'x'), json), (event) => {
        try {
          const made = draftFrom(event)
          expect(made.bytes).toBe(Buffer.byteLength(made.topic + made.type + (made.id ?? '') + made.data))
        } catch (error) {
          expect(error).toBeInstanceOf(HubError)
        }
      }),
    )
  })
})

describe('a body that is the data', () => {
  test('keeps the exact text of JSON', () => {
    const body = ' { "big": 12345678901234567890.10, "a": 1, "a": 2 }\n'
    expect(draftFromBody(raw(body))).toMatchObject({ data: body, isText: false })
  })

  test('is the text that a JSON string stands for', () => {
    expect(draftFromBody(raw('"a\\nb"'))).toMatchObject({ data: 'a\nb', isText: true })
    expect(draftFromBody(raw('"\\ud800"'))).toMatchObject({ data: '\ufffd', isText: true })
  })

  test('is text when it is not JSON', () => {
    for (const body of ['backup failed', '', '{"a":1', 'NaN', '01', 'a=1&b=2', '[1,]']) {
      expect(draftFromBody(raw(body))).toMatchObject({ data: body, isText: true })
    }
  })

  test('is JSON or text without anything lost', () => {
    fc.assert(
      fc.property(fc.oneof(wellFormed, fc.json()), (body) => {
        const made = draftFromBody(raw(body))
        if (made.data !== body) expect(made.data).toBe(JSON.parse(body))
        if (!made.isText) expect(JSON.parse(made.data)).toEqual(JSON.parse(body))
      }),
    )
  })

  test('may nest 64 deep and not 65', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    expect(draftFromBody(raw(nested(64))).isText).toBe(false)
    expect(refusal(() => draftFromBody(raw(nested(65)))).code).toBe('invalid-json')
    expect(refusal(() => draftFromBody(raw(nested(50_000)))).code).toBe('invalid-json')
  })

  test('is text when its many brackets are no JSON', () => {
    const body = '['.repeat(1000)
    expect(draftFromBody(raw(body))).toMatchObject({ data: body, isText: true })
  })

  test('is refused for what goes with it', () => {
    expect(refusal(() => draftFromBody(raw('x', { topic: 'a b' })))).toMatchObject({
      code: 'invalid-topic',
      pointer: '/topic',
    })
    expect(refusal(() => draftFromBody(raw('x', { type: 'open' })))).toMatchObject({
      code: 'invalid-type',
      pointer: '/type',
    })
    expect(refusal(() => draftFromBody(raw('x', { id: 'evt_1' })))).toMatchObject({
      code: 'invalid-id',
      pointer: '/id',
    })
    expect(refusal(() => draftFromBody(raw('x'.repeat(MAX_DATA_BYTES))))).toMatchObject({ code: 'event-too-large' })
  })
})
