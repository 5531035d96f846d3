import { expect, test } from 'bun:test'
import { importedEvent } from '../../../src/cli/log/import-line.ts'
import { eventJson, type StoredEvent } from '../../../src/core/event.ts'
import { oneLine } from '../../../src/core/one-line.ts'

const stored: StoredEvent = {
  topic: 'orders/42',
  type: 'order.paid',
  data: '{"total": 12345678901234567890.10}',
  isText: false,
  id: 'paid-42',
  time: '2026-11-22T12:00:00Z',
  bytes: 0,
  offset: 7,
  epoch: 'abc',
  received: 1,
}

function back(event: Partial<StoredEvent>) {
  return importedEvent({ number: 3, text: oneLine(eventJson({ ...stored, ...event })) })
}

test.each<[string, Partial<StoredEvent>]>([
  ['a number that JavaScript would round', {}],
  ['white space between tokens', { data: '{ "a" :\t[1 , 2] }' }],
  ['quotes and backslashes', { topic: 'a"b\\', id: 'q"\\"', data: '"\\"a\\\\"', isText: true }],
  ['a value that looks like the end of an event', { data: '{"a":"},\\"data\\":1"}' }],
  ['text that looks like JSON', { data: '{"a":1}', isText: true }],
  ['text with line breaks and control characters', { data: 'a\nb\u0001\u2028\u0085', isText: true }],
  ['letters outside of the first plane', { topic: '𝒳/ä', data: '𝒳', isText: true }],
])('what an export writes of %s comes back as it was', (_, event) => {
  const { draft, own } = back(event)
  const { topic, type, data, isText, id, time } = { ...stored, ...event }
  expect(draft).toMatchObject({ topic, type, data, isText, id, time })
  expect(own).toBeUndefined()
})

test('an id that a hub made says where the event was, and is not kept', () => {
  expect(back({ id: null, time: null })).toMatchObject({
    draft: { id: null, time: '1970-01-01T00:00:00.001Z' },
    own: { epoch: 'abc', offset: 7 },
  })
})

test('what POST /events takes is taken, with a cursor or without', () => {
  const { draft } = importedEvent({ number: 1, text: ' {"data": {"a": 1}, "topic": "t", "cursor": "abc.1"} ' })
  expect(draft).toMatchObject({ topic: 't', type: 'message', data: '{"a":1}', id: null, time: null })
})

test.each([
  ['no JSON', '{"data":1', 'invalid-json'],
  ['no object', '[1]', 'invalid-event'],
  ['an unknown field', '{"data":1,"topc":"a"}', 'invalid-event'],
  ['an id of the hub that is none', '{"data":1,"id":"evt_x"}', 'invalid-id'],
  [
    'data that is no JSON in the form of an export',
    eventJson(stored).replace(/"data":.*/, '"data":oops}'),
    'invalid-json',
  ],
  ['more after the data', eventJson(stored).replace(/}$/, ',"more":1}'), 'invalid-event'],
  ['a time that is none', eventJson({ ...stored, time: 'yesterday' }), 'invalid-time'],
  ['JSON that nests too deep', `{"data":${'['.repeat(65)}${']'.repeat(65)}}`, 'invalid-json'],
])('a line with %s is refused by its number', (_, text, code) => {
  expect(() => importedEvent({ number: 12, text })).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(/^Line 12: /) }),
  )
})
