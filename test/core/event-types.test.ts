import { describe, expect, test } from 'bun:test'
import { HubError } from '../../src/core/errors.ts'
import { EventTypes, MAX_PAYLOAD_BYTES } from '../../src/core/event-types.ts'
import { draftOf } from '../support/draft.ts'
import { eventTypesOf } from '../support/event-types.ts'
import { memoryHub } from '../support/hub.ts'
import { rejection } from '../support/settled.ts'

const number = { n: { type: 'number' } }

function refusal(types: EventTypes, ...drafts: Parameters<EventTypes['check']>[0]): [string, string | undefined] {
  try {
    types.check(drafts)
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    expect(error.code).toBe('invalid-event')
    return [error.message, error.pointer]
  }
  return ['fits', undefined]
}

describe('data of a declared event type', () => {
  const types = eventTypesOf(
    { name: 'paid', topic: 'orders/*', type: 'order.paid', properties: number, required: ['n'] },
    { name: 'any.order', topic: 'orders/**', properties: { id: { type: 'string' } } },
  )

  test('is refused with its name, its place in the batch and the rule', () => {
    const good = draftOf('orders/1', '{"n":1}', { type: 'order.paid' })
    const bad = draftOf('orders/1', '{"n":"1"}', { type: 'order.paid' })
    expect(refusal(types, good, good)).toEqual(['fits', undefined])
    expect(refusal(types, good, bad)).toEqual([
      'The data is not of the event type paid: /data/n must be number (type).',
      '/1/data/n',
    ])
  })

  test.each([
    ['of another type', draftOf('orders/1', '{"n":"1"}')],
    ['of a longer topic', draftOf('orders/1/x', '{"n":"1"}', { type: 'order.paid' })],
    ['of another topic', draftOf('bills/1', '"x"', { type: 'order.paid' })],
  ])('is not looked at by the rules of an event type when it is %s', (_, draft) => {
    expect(refusal(types, draft)).toEqual(['fits', undefined])
  })

  test('has to fit every event type that covers it', () => {
    const both = (data: string) => refusal(types, draftOf('orders/1', data, { type: 'order.paid' }))[1]
    expect([both('{"n":1,"id":2}'), both('{"id":"a"}'), both('{"n":1,"id":"a"}')]).toEqual([
      '/0/data/id',
      '/0/data',
      undefined,
    ])
  })

  test.each([
    ['text', draftOf('orders/1', 'paid', { isText: true })],
    ['text that looks like an object', draftOf('orders/1', '{}', { isText: true })],
    ['null', draftOf('orders/1', 'null')],
    ['a list', draftOf('orders/1', '[{}]')],
  ])('is an object and never %s', (_, draft) => {
    expect(refusal(types, draft)).toEqual([
      'The data is not of the event type any.order: /data must be object (type).',
      '/0/data',
    ])
  })

  test('goes by its own topic in a batch of several', () => {
    const drafts = ['bills/1', 'orders/1', 'bills/1', 'orders/1'].map((topic, index) =>
      draftOf(topic, index === 1 ? '{"id":"a"}' : '{"id":0}'),
    )
    expect(refusal(types, ...drafts)[1]).toBe('/3/data/id')
  })
})

test('data is not even parsed where no event type covers it', () => {
  const broken = draftOf('other', 'not JSON')
  expect(refusal(new EventTypes([]), broken)).toEqual(['fits', undefined])
  expect(refusal(eventTypesOf({ name: 'a', topic: 'orders/**' }), broken)).toEqual(['fits', undefined])
})

describe('data whose numbers have more digits than they were sent with', () => {
  const types = eventTypesOf({ name: 'a', topic: 'a', properties: { n: { type: 'array' } } })
  const draft = (count: number, topic = 'a') => {
    const data = `{"n":[${Array.from({ length: count }, () => '1e20').join()}]}`
    return draftOf(topic, data, { bytes: data.length + topic.length + 7 })
  }

  test('is refused when it could not be delivered as an event of its type, and not one number earlier', () => {
    const most = Math.floor((MAX_PAYLOAD_BYTES - '{"n":[]}'.length + 1) / 22)
    types.check([draft(most)])
    expect(() => types.check([draft(1), draft(most + 1)])).toThrow(
      expect.objectContaining({ code: 'event-too-large', pointer: '/1/data' }),
    )
  })

  test('is not looked at where no event type covers it', () => {
    types.check([draft(60_000, 'b')])
  })
})

test('a publish with one event that does not fit stores nothing', async () => {
  const types = eventTypesOf({ name: 'a', topic: '**', properties: number })
  const { hub, log, close } = await memoryHub({}, {}, undefined, types.check.bind(types))
  const drafts = [draftOf('x', '{"n":1}'), draftOf('x', '{"n":null}'), draftOf('x', '{"n":1}')]
  expect(await rejection(hub.publish(drafts))).toMatchObject({ code: 'invalid-event', pointer: '/1/data/n' })
  expect(log.head).toBe(0)
  await hub.publish([draftOf('x', '{"n":1}')])
  expect(log.head).toBe(1)
  await close()
})
