import { describe, expect, test } from 'bun:test'
import { Generations, parseCursor } from '../../src/core/cursor.ts'

test.each(['k3f9a2b7.1042', 'a.0'])('%s is a cursor', (text) => {
  const cursor = parseCursor(text)!
  expect(`${cursor.epoch}.${cursor.offset}`).toBe(text)
})

test.each([
  '',
  '.',
  '1042',
  'k3f9a2b7',
  'k3f9a2b7.',
  'k3f9a2b7.01',
  'k3f9a2b7.-1',
  'K3.1',
  'k3f9a2b7.1e3',
  'k3f9a2b7.9999999999999999',
  ' a.1',
  'a.1\n',
])('%j is not a cursor', (text) => {
  expect(parseCursor(text)).toBeUndefined()
})

describe('the generations of a log', () => {
  const generations = new Generations([
    { epoch: 'one', firstOffset: 1 },
    { epoch: 'two', firstOffset: 51 },
  ])
  const head = 60
  const resolve = (text: string) => generations.resolve(parseCursor(text)!, head)

  test('accept what was written in each of them, and the place before its first event', () => {
    expect(['one.0', 'one.50', 'two.50', 'two.60'].map(resolve)).toEqual([0, 50, 50, 60])
  })

  test('refuse an offset that this epoch never reached, although the log has since gone past it', () => {
    expect(resolve('one.55')).toBeUndefined()
  })

  test('refuse an offset below the epoch, beyond the head, and a foreign epoch', () => {
    expect(['two.49', 'two.61', 'three.10'].map(resolve)).toEqual([undefined, undefined, undefined])
  })

  test('name each offset by the epoch it was written in', () => {
    expect([1, 50, 51, 60].map((offset) => generations.cursor(offset))).toEqual(['one.1', 'one.50', 'two.51', 'two.60'])
  })
})
