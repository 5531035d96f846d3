import { expect, test } from 'bun:test'
import { HubError } from '../../../src/core/errors.ts'
import { subscriptionId } from '../../../src/webhooks/subscription/identity.ts'

const key = { principal: 'key:ci', url: 'https://hooks.example.net/', name: 'topic.event', arguments: {} }

function refusalOf(more: Partial<typeof key>): HubError | undefined {
  try {
    subscriptionId({ ...key, ...more })
  } catch (error) {
    if (error instanceof HubError) return error
    throw error
  }
  return undefined
}

test.each<[string, string, Partial<typeof key>]>([
  ['a number beyond all numbers', '', { arguments: JSON.parse('{"a":[1e999]}') }],
  ['one below all numbers', '', { arguments: JSON.parse('{"a":{"b":-1e999}}') }],
  ['half of a character', '', { arguments: JSON.parse('{"a":"\\ud800"}') }],
  ['half of a character in the name of a member', '', { arguments: JSON.parse('{"\\udc00":1}') }],
  ['half of a character in the URL', '/delivery/url', { url: 'https://hooks.example.net/\ud800' }],
])('%s is an argument that is refused, at "%s"', (_, pointer, more) => {
  expect(refusalOf(more)).toMatchObject({ code: 'invalid-arguments', pointer })
})

test('whole characters of any language and large numbers are not', () => {
  expect(refusalOf({ arguments: JSON.parse('{"ü":"\\ud83d\\ude00","n":1e308}') })).toBeUndefined()
})
