import { describe, expect, test } from 'bun:test'
import { UriTemplate } from '@modelcontextprotocol/client'
import fc from 'fast-check'
import { checkTopic } from '../../../src/core/topic.ts'
import { topicOfUri, topicUri } from '../../../src/mcp/catalogue/resource-uri.ts'

describe('the URI of a topic', () => {
  test.each([
    ['orders/42', 'events://topics/orders/42'],
    ['orders/**', 'events://topics/orders/**'],
    ['50%', 'events://topics/50%25'],
    ['a%2Fb', 'events://topics/a%252Fb'],
    ['über/👋', 'events://topics/%C3%BCber/%F0%9F%91%8B'],
    ['https://example.com/a?b=c#d', 'events://topics/https://example.com/a?b=c#d'],
    ['"quoted"', 'events://topics/%22quoted%22'],
  ])('keeps reserved characters and escapes the rest: %s', (topic, uri) => {
    expect(topicUri(topic)).toBe(uri)
    expect(topicOfUri(uri)).toBe(topic)
  })

  test('leads back to the topic for every topic, and so does what the SDK makes of the template', () => {
    const template = new UriTemplate('events://topics/{+topic}')
    const topics = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((text) => checkTopic(text) === undefined)
    fc.assert(
      fc.property(topics, (topic) => {
        expect(topicOfUri(topicUri(topic))).toBe(topic)
        expect(topicOfUri(template.expand({ topic }))).toBe(topic)
        expect(topicUri(topic)).toMatch(/^[\x21-\x7e]+$/)
      }),
    )
  })

  test.each(['events://topics/50%', 'events://topics/%zz', 'events://topics/%C3'])(
    'with an escape that is none is refused: %s',
    (uri) => {
      expect(() => topicOfUri(uri)).toThrow('write a % of a topic as %25')
    },
  )
})
