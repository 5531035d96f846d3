import { expect, test } from 'bun:test'
import { isPointer, pointerNames, valueAt } from '../../src/core/json-pointer.ts'

test.each(['', '/', '/a/b', '/a~1b/~0', '/a//b', '/ä ö'])('%p is a pointer', (text) => {
  expect(isPointer(text)).toBe(true)
})

test.each(['a', '#/a', '/~', '/~2', '/a~'])('%p is no pointer', (text) => {
  expect(isPointer(text)).toBe(false)
})

/** RFC 6901 section 5. */
const document = { foo: ['bar', 'baz'], '': 0, 'a/b': 1, 'c%d': 2, 'e^f': 3, 'k"l': 6, ' ': 7, 'm~n': 8, '~1': 9 }

test.each<[string, unknown]>([
  ['', document],
  ['/foo', ['bar', 'baz']],
  ['/foo/0', 'bar'],
  ['/', 0],
  ['/a~1b', 1],
  ['/c%d', 2],
  ['/e^f', 3],
  ['/k"l', 6],
  ['/ ', 7],
  ['/m~0n', 8],
  ['/~01', 9],
])('%p leads where RFC 6901 says', (pointer, value) => {
  expect(valueAt(document, pointerNames(pointer))).toEqual(value)
})

test.each(['/none', '/foo/2', '/foo/00', '/foo/-', '/foo/length', '/constructor', '/foo/0/0', '//x'])(
  '%p leads nowhere',
  (pointer) => {
    expect(valueAt(document, pointerNames(pointer))).toBeUndefined()
  },
)
