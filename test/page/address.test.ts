import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { checkTopic } from '../../src/core/topic.ts'

interface Address {
  publishRequest(topic: string, type: string, data: string): { path: string; body: string; contentType?: string }
  streamPath(topics: string[], types: string[], extra?: Record<string, string>): string
}

// The page's modules are declared as text, which is what the server imports them as.
const { publishRequest, streamPath } = (await import('../../src/page/client/address.js')) as unknown as Address

const topic = fc
  .array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '.', '..', '%2e', 'a?b', 'a#b', '\\')), {
    minLength: 1,
    maxLength: 5,
  })
  .map((segments) => segments.join('/'))
  .filter((text) => checkTopic(text) === undefined)

test('what is published from the page reaches the topic that was typed, whatever a URL makes of it', () => {
  fc.assert(
    fc.property(topic, (wanted) => {
      const { path, body, contentType } = publishRequest(wanted, 'a&b', 'text')
      const url = new URL(path, 'http://localhost')
      if (contentType === 'application/json') {
        expect(url.pathname).toBe('/events')
        expect(JSON.parse(body)).toEqual({ topic: wanted, type: 'a&b', data: 'text' })
      } else {
        expect(decodeURIComponent(url.pathname)).toBe(`/events/${wanted}`)
        expect(url.searchParams.get('type')).toBe('a&b')
        expect(body).toBe('text')
      }
    }),
  )
})

test('what is listened to from the page is the pattern that was typed', () => {
  fc.assert(
    fc.property(fc.array(topic, { maxLength: 3 }), (wanted) => {
      const url = new URL(streamPath(wanted, ['order.*'], { envelope: '1' }), 'http://localhost')
      const inPath = url.pathname === '/events' ? [] : [decodeURIComponent(url.pathname.slice('/events/'.length))]
      expect([...inPath, ...url.searchParams.getAll('topic')]).toEqual(wanted)
      expect(url.searchParams.getAll('type')).toEqual(['order.*'])
      expect(url.searchParams.get('envelope')).toBe('1')
    }),
  )
})

test('wildcards stay readable', () => {
  expect(streamPath(['orders/**'], [])).toBe('/events/orders/**')
  expect(streamPath(['orders/*', 'cron/**'], [])).toBe('/events?topic=orders/*&topic=cron/**')
})
