import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { askingOf, type CatalogueHub, catalogueHub } from '../../support/catalogue-hub.ts'
import { rejection, settled } from '../../support/settled.ts'

let served: CatalogueHub
beforeEach(async () => {
  served = await catalogueHub()
})
afterEach(() => served.close())

const call = (name: string, input: unknown) => served.tool(name).call(input, askingOf())
const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, 1]))

describe('arguments are refused before a schema looks at them, in a sentence,', () => {
  test('when there are more than 64 of them', async () => {
    expect(await settled(call('read_events', names(64)))).toThrow('There is no argument')
    expect(await settled(call('read_events', names(65)))).toThrow(
      /^read_events takes at most 64 arguments; send those it has\.$/,
    )
  })

  test('when a list has more than 1,000 items, or a text in it more than 64 KiB', async () => {
    expect(await settled(call('read_events', { topics: Array(1000).fill(1) }))).toThrow('as its schema says')
    expect(await rejection(call('read_events', { topics: Array(1001).fill(1) }))).toMatchObject({
      code: 'invalid-arguments',
      message: 'topics has more than 1000 items; send fewer.',
      pointer: '/topics',
    })
    const texts = { topics: ['a', 'ü'.repeat(32 * 1024 + 1)] }
    expect(await settled(call('read_events', texts))).toThrow('topics has a text of more than 65536 bytes')
  })

  test('when a text has more than 64 KiB', async () => {
    expect(await settled(call('publish_event', { topic: 'x'.repeat(64 * 1024), data: 1 }))).toThrow('at most 512 bytes')
    expect(await rejection(call('publish_event', { topic: 'x'.repeat(64 * 1024 + 1), data: 1 }))).toMatchObject({
      code: 'invalid-arguments',
      message: 'topic has a text of more than 65536 bytes; send a shorter one.',
      pointer: '/topic',
    })
  })

  test('but data has bounds of its own', async () => {
    for (const data of ['x'.repeat(100_000), Array(2000).fill(1), names(200)]) {
      expect(await call('publish_event', { topic: 'a', data })).toHaveProperty('structuredContent')
    }
  })
})
