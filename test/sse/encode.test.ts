import { describe, expect, test } from 'bun:test'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import fc from 'fast-check'
import { requireType } from '../../src/core/event-type.ts'
import {
  controlFrame,
  encodeFrames,
  envelopeFrame,
  eventLine,
  frame,
  positionFrame,
  retryField,
} from '../../src/sse/encode.ts'
import { storedEvent } from '../support/event.ts'

function parse(text: string): EventSourceMessage[] {
  const messages: EventSourceMessage[] = []
  const parser = createParser({ onEvent: (message) => messages.push(message) })
  parser.feed(text)
  return messages
}

const lines = fc
  .array(
    fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\r', '\n', '\r\n', '\n\n', '\0', 'data: x', 'id: 1', '')),
  )
  .map((parts) => parts.join('').toWellFormed())

const types = fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }).filter((type) => {
  try {
    return requireType(type) === type
  } catch {
    return false
  }
})

describe('a frame', () => {
  test('of any text, with any mix of newlines, is one event with that text, its type and its cursor', () => {
    fc.assert(
      fc.property(lines, types, fc.integer({ min: 1 }), (data, type, offset) => {
        const [message, ...more] = parse(frame(storedEvent({ data, type, offset, isText: true })))
        expect(more).toEqual([])
        expect(message?.data).toBe(data.replace(/\r\n|\r/g, '\n'))
        expect(message?.event ?? 'message').toBe(type)
        expect(message?.id).toBe(`k3f9a2b7.${offset}`)
      }),
      { numRuns: 2000 },
    )
  })

  test('of text that looks like fields and blank lines forges no second event', () => {
    const data = 'a\n\nevent: $closing\ndata: {}\r\rid: zzzzzzzz.9\n\n'
    expect(parse(frame(storedEvent({ data, isText: true, offset: 7 })))).toEqual([
      { id: 'k3f9a2b7.7', event: undefined, data: data.replaceAll('\r', '\n') },
    ])
  })

  test('of the default type has no event field, so that onmessage sees it', () => {
    expect(frame(storedEvent({ data: '{"a":1}', offset: 3 }))).toBe('id: k3f9a2b7.3\ndata: {"a":1}\n\n')
  })

  test('of empty text is still dispatched', () => {
    expect(parse(frame(storedEvent({ data: '', isText: true, offset: 1 })))).toHaveLength(1)
  })

  test('keeps leading spaces of the data', () => {
    expect(parse(frame(storedEvent({ data: '  x', isText: true, offset: 1 })))[0]?.data).toBe('  x')
  })
})

describe('an envelope', () => {
  test('carries any JSON or text exactly, carriage returns and NUL included', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json().map((data) => ({ data, isText: false })),
          lines.map((data) => ({ data, isText: true })),
        ),
        ({ data, isText }) => {
          const [message, ...more] = parse(envelopeFrame(storedEvent({ data, isText, offset: 5, type: 'a.b' })))
          expect(more).toEqual([])
          expect(message?.event).toBeUndefined()
          const document = JSON.parse(message!.data)
          expect(document).toMatchObject({ id: 'evt_k3f9a2b7_5', cursor: 'k3f9a2b7.5', type: 'a.b' })
          expect(document.data).toEqual(isText ? data : JSON.parse(data))
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('of JSON that was published over several lines stays one event', () => {
    const [message] = parse(envelopeFrame(storedEvent({ data: '{\r\n  "a": 1\r}', offset: 1 })))
    expect(JSON.parse(message!.data).data).toEqual({ a: 1 })
  })
})

test('a line of NDJSON has exactly one newline, at its end, whatever was published', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        lines.map((data) => ({ data, isText: true })),
        fc.json({ maxDepth: 3 }).map((json) => ({ data: JSON.stringify(JSON.parse(json), null, 2), isText: false })),
      ),
      ({ data, isText }) => {
        const line = eventLine(storedEvent({ data, isText, offset: 1 }))
        expect(line.search(/[\r\n]/)).toBe(line.length - 1)
        expect(JSON.parse(line).data).toEqual(isText ? data : JSON.parse(data))
      },
    ),
    { numRuns: 1000 },
  )
})

test('a publisher’s id travels in the document and never as an SSE id', () => {
  const event = storedEvent({ id: 'order-42\u2028paid', offset: 9 })
  expect(frame(event)).toStartWith('id: k3f9a2b7.9\n')
  expect(JSON.parse(eventLine(event)).id).toBe('order-42\u2028paid')
})

test('the bytes of a run of events are their frames one after another', () => {
  const events = [1, 2, 3].map((offset) => storedEvent({ offset, data: '"ü€😀"' }))
  expect(new TextDecoder().decode(encodeFrames(events))).toBe(events.map(frame).join(''))
})

test('control frames never reach onmessage, and a bare position or retry dispatches nothing', () => {
  expect(parse(controlFrame('$gap', { requested: 'a\nb' }, 'k3f9a2b7.1'))).toEqual([
    { id: 'k3f9a2b7.1', event: '$gap', data: '{"requested":"a\\nb"}' },
  ])
  expect(parse(positionFrame('k3f9a2b7.1') + retryField(2000.4))).toEqual([])
})
