import { describe, expect, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'
import { MAX_DATA_BYTES } from '../../../src/core/draft.ts'
import { MOST_BODY_BYTES } from '../../../src/webhooks/body-bytes.ts'
import { type ForwardSettings, forwardPlan } from '../../../src/webhooks/forward/forward-plan.ts'
import type { Message } from '../../../src/webhooks/plan.ts'
import { signatureHeaders } from '../../../src/webhooks/secret/signature.ts'
import { storedEvent } from '../../support/event.ts'
import { forwarded } from '../../support/forwarded.ts'
import { registerSecret, secret } from '../../support/secrets.ts'
import { servedHub } from '../../support/served-hub.ts'

const SIGNING = registerSecret(`whsec_${Buffer.from(secret()).toString('base64')}`)

function settings(more: Partial<ForwardSettings> = {}): ForwardSettings {
  return {
    name: 'chat',
    topics: ['alerts/**'],
    types: [],
    url: 'https://chat.example/hooks/1',
    headers: {},
    body: undefined,
    secret: undefined,
    bearer: undefined,
    private: false,
    atOnce: 1,
    ...more,
  }
}

function messageOf(more: Partial<ForwardSettings>, event = storedEvent({ offset: 7 })): Message {
  const message = forwardPlan(settings(more)).message(event, 'k3f9a2b7.6')
  if (message === undefined || message === 'too-large') throw new Error(`No message: ${message}`)
  return message
}

test('a forward is an outlet of its own name, for its topics and types', () => {
  const plan = forwardPlan(settings({ topics: ['b/*', 'a'], types: ['x.*'] }))
  expect([plan.id, plan.kind, plan.owner, plan.url.href]).toEqual([
    'forward:chat',
    'forward',
    'config',
    'https://chat.example/hooks/1',
  ])
  expect(plan.filter.key).toBe('[["a","b/*"],["x.*"]]')
})

describe('without a template', () => {
  test('the body is an event as POST /events takes it, the data to the letter', () => {
    const event = storedEvent({ offset: 7, topic: 'alerts/1', type: 'a', data: '{"n": 1.50}', received: 0 })
    expect(messageOf({}, event)).toEqual({
      id: 'k3f9a2b7-7',
      body: '{"id":"k3f9a2b7-7","topic":"alerts/1","type":"a","time":"1970-01-01T00:00:00.000Z","data":{"n": 1.50}}',
      headers: { 'content-type': 'application/json' },
    })
    const named = storedEvent({ ...event, id: 'mine', time: '2026-11-22T12:00:00Z', data: 'a "b"', isText: true })
    expect(messageOf({}, named)).toMatchObject({
      id: 'k3f9a2b7-7',
      body: '{"id":"mine","topic":"alerts/1","type":"a","time":"2026-11-22T12:00:00Z","data":"a \\"b\\""}',
    })
  })

  test('another hub stores it once, however often it comes', async () => {
    await using to = disposable(await servedHub())
    const plan = forwardPlan(settings({ url: `${to.hub.url}/events`, private: true }))
    const unnamed = storedEvent({ offset: 7, topic: 'alerts/1', type: 'a.b', data: '{"n": 1}' })
    const named = storedEvent({ offset: 8, topic: 'alerts/1', id: 'mine', data: 'text', isText: true })
    const statuses: number[] = []
    for (const event of [unnamed, unnamed, named, named, unnamed]) statuses.push(await forwarded(plan, event))
    expect(statuses).toEqual([201, 200, 201, 200, 200])
    expect((await to.hub.stored()).map(({ topic, type, id, data, time }) => [topic, type, id, data, time])).toEqual([
      ['alerts/1', 'a.b', 'k3f9a2b7-7', '{"n":1}', new Date(unnamed.received).toISOString()],
      ['alerts/1', 'message', 'mine', 'text', new Date(named.received).toISOString()],
    ])
  })

  test('the largest event there is fits', () => {
    const event = storedEvent({
      offset: 7,
      topic: '\\'.repeat(512),
      type: '"'.repeat(128),
      id: '"'.repeat(256),
      data: `"${'é'.repeat(MAX_DATA_BYTES / 2 - 1)}"`,
    })
    expect(Buffer.byteLength(messageOf({}, event).body)).toBeLessThanOrEqual(MOST_BODY_BYTES)
  })
})

describe('with a template', () => {
  test('the body is what it makes, as JSON, as text, or as the headers say', () => {
    const event = storedEvent({ offset: 7, data: 'down', isText: true })
    expect(messageOf({ body: '{"text":"{{data}}"}' }, event)).toMatchObject({
      body: '{"text":"down"}',
      headers: { 'content-type': 'application/json' },
    })
    expect(messageOf({ body: '{{data}}!' }, event)).toMatchObject({
      body: 'down!',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    })
    const markdown = { 'content-type': 'text/markdown' }
    expect(messageOf({ body: '{{data}}!', headers: markdown }, event).headers).toEqual(markdown)
  })

  test('a body above 256 KiB is said to be too large, one of exactly that is sent', () => {
    const plan = forwardPlan(settings({ body: '{{data}}{{data}}' }))
    const of = (data: string) => plan.message(storedEvent({ offset: 7, data, isText: true }), 'k3f9a2b7.6')
    expect(of('x'.repeat(MOST_BODY_BYTES / 2))).toMatchObject({ id: 'k3f9a2b7-7' })
    expect(of('x'.repeat(MOST_BODY_BYTES / 2 + 1))).toBe('too-large')
    expect(of('é'.repeat(MOST_BODY_BYTES / 4))).toMatchObject({ id: 'k3f9a2b7-7' })
    expect(of('é'.repeat(MOST_BODY_BYTES / 4 + 1))).toBe('too-large')
  })
})

test('a bearer is a header, and a secret signs what is sent as libraries verify it', () => {
  const token = secret()
  const { headers } = messageOf({ bearer: token, headers: { title: 'Alarm' } })
  expect(headers).toEqual({ authorization: `Bearer ${token}`, title: 'Alarm', 'content-type': 'application/json' })
  const plan = forwardPlan(settings({ secret: SIGNING }))
  const { id, body } = messageOf({ secret: SIGNING })
  const now = Date.now()
  const signed = signatureHeaders({ id, body, keys: plan.keys(now), now })
  expect(new Webhook(SIGNING).verify(body, signed)).toMatchObject({ id: 'k3f9a2b7-7' })
  expect(forwardPlan(settings()).keys(now)).toEqual([])
})

describe('a forward is refused, without its URL being repeated,', () => {
  const VOUCH = 'It is not https to a public name; write such a URL, or private = true.'
  test.each([
    ['http to a public name', 'http://chat.example/hooks/1', VOUCH],
    ['this machine', 'http://127.0.0.1:2586/topic', VOUCH],
    ['localhost', 'https://localhost/topic', VOUCH],
    ['an address of the own network', 'https://192.168.1.7/topic', VOUCH],
    ['a name of the own network', 'https://nas/topic', VOUCH],
    ['a fragment', 'https://chat.example/#a', 'The forward URL must have no fragment'],
    ['the metadata of a cloud', 'http://169.254.169.254/latest', 'must have a name, not an address'],
  ])('for %s', (_, url, words) => {
    const refused = () => forwardPlan(settings({ url }))
    expect(refused).toThrow(
      expect.objectContaining({ code: 'invalid-config', pointer: '/url', message: expect.stringContaining(words) }),
    )
    expect(refused).not.toThrow(expect.objectContaining({ message: expect.stringContaining(new URL(url).hostname) }))
  })

  test('even with private = true, for what nothing is ever sent to', () => {
    expect(() => forwardPlan(settings({ url: 'http://169.254.169.254/latest', private: true }))).toThrow(
      'Nothing is ever sent to the address in this URL',
    )
  })

  test('and admitted with private = true for what the operator vouches for, each by itself', () => {
    const rules = ['http://127.0.0.1:1/', 'http://192.168.1.7/', 'https://nas/'].map(
      (url) => forwardPlan(settings({ url, private: true })).rule,
    )
    expect(rules).toEqual(rules.map(() => ({ loopback: true, private: true })))
    expect(forwardPlan(settings()).rule).toEqual({ loopback: false, private: false })
  })
})

function disposable(hub: Awaited<ReturnType<typeof servedHub>>) {
  return { hub, [Symbol.asyncDispose]: () => hub.close() }
}
