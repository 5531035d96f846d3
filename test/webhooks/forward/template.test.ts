import { describe, expect, test } from 'bun:test'
import type { HubError } from '../../../src/core/errors.ts'
import type { StoredEvent } from '../../../src/core/event.ts'
import { Template } from '../../../src/webhooks/forward/template.ts'
import { storedEvent } from '../../support/event.ts'

const event = storedEvent({
  offset: 1042,
  topic: 'backups/db1',
  type: 'backup.failed',
  time: '2026-11-22T12:00:00.000Z',
  data: '{"host":"db1","tries":[1,2.50],"id":12345678901234567890,"none":null,"a/b":"~"}',
})

function filled(template: string, of: StoredEvent = event, contentType?: string): string {
  return new Template(template, contentType).fill(of)
}

const text = (data: string): StoredEvent => storedEvent({ offset: 1, data, isText: true })

describe('a template that is JSON', () => {
  test.each<[string, unknown, unknown]>([
    ['the value itself where a placeholder stands alone', { a: '{{data}}' }, JSON.parse(event.data)],
    ['text where it stands alone and is text', { a: '{{topic}}' }, 'backups/db1'],
    ['a list of the data', { a: '{{data/tries}}' }, [1, 2.5]],
    ['an item of a list', { a: '{{ data/tries/0 }}' }, 1],
    ['a name with a slash in it', { a: '{{data/a~1b}}' }, '~'],
    ['null where there is nothing', { a: '{{data/absent/deeper}}' }, null],
    ['null where null is', { a: '{{data/none}}' }, null],
    ['JSON of what is no text inside other text', { a: 'tries: {{data/tries}}' }, 'tries: [1,2.50]'],
    ['nothing inside other text where there is nothing', { a: '<{{data/absent}}>' }, '<>'],
    [
      'all of them',
      { a: '{{topic}} {{type}} {{id}} {{cursor}} {{time}}' },
      'backups/db1 backup.failed k3f9a2b7-1042 k3f9a2b7.1042 2026-11-22T12:00:00.000Z',
    ],
    ['what has no placeholder as it is', { a: 'b}} { c' }, 'b}} { c'],
  ])('has %s', (_, template, a) => {
    expect(JSON.parse(filled(JSON.stringify(template)))).toEqual({ a })
  })

  test('keeps its structure, white space aside, and numbers as they were written', () => {
    const template = '{"a": [], "b": {}, "c": [1.50, -2, true, null, {"d": "{{topic}}"}], "chat": 12345678901234567890}'
    expect(filled(template)).toBe(
      '{"a":[],"b":{},"c":[1.50,-2,true,null,{"d":"backups/db1"}],"chat":12345678901234567890}',
    )
  })

  test('gives long numbers of the data on to the digit', () => {
    expect(filled('["{{data/id}}","{{data/tries}}"]')).toBe('[12345678901234567890,[1,2.50]]')
    expect(filled('["{{data}}"]')).toBe(`[${event.data}]`)
  })

  test.each([
    ['quotes and braces', '"}, "admin": true, "x": {"y": "'],
    ['placeholders', '{{topic}} {{data}}'],
    ['half a placeholder, the rest of which follows', '{{'],
    ['a line break, a backslash and a control character', 'a\nb\\"\u0000\u2028'],
    ['JSON', '{"a":[1]}'],
  ])('keeps %s in the data what they are: text', (_, data) => {
    expect(JSON.parse(filled('{"alone":"{{data}}","inside":"<{{data}}topic}}>"}', text(data)))).toEqual({
      alone: data,
      inside: `<${data}topic}}>`,
    })
  })

  test('takes a topic, a type and an id with quotes for text', () => {
    const quoted = storedEvent({ offset: 1, topic: 'a"b', type: 'c"}', id: 'd"e', data: '1' })
    expect(JSON.parse(filled('["{{topic}}","{{type}}","x{{id}}"]', quoted))).toEqual(['a"b', 'c"}', 'xd"e'])
  })

  test('has no use for what data inherits or a list has besides its items', () => {
    const list = storedEvent({ offset: 1, data: '[1]' })
    expect(JSON.parse(filled('["{{data/length}}","{{data/00}}","{{data/constructor}}"]', list))).toEqual([
      null,
      null,
      null,
    ])
  })
})

describe('a template that is text', () => {
  test('is filled plainly: text as itself, anything else as its JSON', () => {
    expect(filled('{{data}}')).toBe(event.data)
    expect(filled('{{data}}', text('a "b"\n{{topic}}'))).toBe('a "b"\n{{topic}}')
    expect(filled('[{{topic}}] {{data/host}} {{data/tries}} {{data/absent}}.')).toBe('[backups/db1] db1 [1,2.50] .')
  })

  test('that is a form keeps what is filled in from becoming another field', () => {
    const form = 'application/x-www-form-urlencoded; charset=utf-8'
    expect(filled('message={{data}}&user=u', text('a&user=b c'), form)).toBe('message=a%26user%3Db%20c&user=u')
  })
})

describe('a template is refused', () => {
  test.each<[string, string, string]>([
    ['for a placeholder that is none', '{"a": "{{datum}}"}', 'There is no placeholder {{datum}}; there are {{topic}}'],
    ['for one that is inherited', '{{constructor}}', 'There is no placeholder {{constructor}}'],
    ['for a place that is no pointer', '{{data/~2}}', 'There is no placeholder {{data/~2}}'],
    ['for one without a slash', '{{data.host}}', 'There is no placeholder {{data.host}}'],
    ['for one that does not end', 'a {{topic', 'begins with {{ and ends nowhere'],
    ['for one in a name', '{"{{topic}}": 1}', 'A placeholder fills a value, never a name'],
    ['for one without quotes', '{"a": {{data}}}', 'placeholders in JSON stand between quotes'],
    ['for one without quotes in a list', '[ {"a": {{data}}} ]', 'placeholders in JSON stand between quotes'],
    ['for nesting too deep', '['.repeat(65) + ']'.repeat(65), 'JSON nests at most 64 deep'],
  ])('%s', (_, template, words) => {
    expect(() => new Template(template, undefined)).toThrow(
      expect.objectContaining({ code: 'invalid-config', message: expect.stringContaining(words) }) as HubError,
    )
  })

  test('when its headers say JSON and it is none', () => {
    expect(() => new Template('{{data}}', 'application/vnd.x+json; charset=utf-8')).toThrow('sent as JSON, and is none')
    expect(filled('"{{data}}"', event, 'application/json')).toBe(event.data)
  })
})
