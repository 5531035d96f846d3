import { expect, test } from 'bun:test'
import type { Part } from '../../../src/cli/stdio/message.ts'
import { StandingRequests } from '../../../src/cli/stdio/standing-requests.ts'

function request(method: string, params: Part['params']): Part {
  return { id: 1, method, params, result: undefined, error: undefined }
}

test('what is subscribed to and not unsubscribed from, and the last log level, are what is left', () => {
  const standing = new StandingRequests()
  for (const uri of ['a', 'b', 'a']) standing.granted(request('resources/subscribe', { uri }))
  for (const level of ['debug', 'error']) standing.granted(request('logging/setLevel', { level }))
  standing.granted(request('resources/unsubscribe', { uri: 'b' }))
  standing.granted(request('tools/call', { name: 'x' }))
  expect(standing.all()).toEqual([
    { method: 'resources/subscribe', params: { uri: 'a' } },
    { method: 'logging/setLevel', params: { level: 'error' } },
  ])
  expect(standing.subscribedUris()).toEqual(['a'])
})

test('above the most there is no room for another one, but for one that is known', () => {
  const standing = new StandingRequests(2)
  expect(standing.granted(request('resources/subscribe', { uri: 'a' }))).toBe(true)
  expect(standing.granted(request('resources/subscribe', { uri: 'b' }))).toBe(true)
  expect(standing.granted(request('resources/subscribe', { uri: 'c' }))).toBe(false)
  expect(standing.granted(request('resources/subscribe', { uri: 'a' }))).toBe(true)
  standing.granted(request('resources/unsubscribe', { uri: 'a' }))
  expect(standing.granted(request('resources/subscribe', { uri: 'c' }))).toBe(true)
  expect(standing.subscribedUris()).toEqual(['b', 'c'])
})
