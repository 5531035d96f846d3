import fc from 'fast-check'

/** The parts of one input, such as a path, the headers and a body: each is text, and each is mutated. */
export type Parts = readonly string[]

/** What has broken parsers: of HTTP, JSON, URLs, UTF-16, JavaScript's own objects and numbers. */
export const PIECES = [
  ...['\0', '\r\n', '\n', '\r', '\r\n\r\n', '\t', ' ', '\u00a0', '\u2028', '\ufeff', '\u007f', '\u001f', '\u0085'],
  ...['\ud800', '\udfff', '\ud83d\ude00', 'é', 'ß', 'İ', '１', '\u202e', 'a\u0301', '\uffff', '\u{10ffff}'],
  ...['%', '%00', '%0a', '%0D%0A', '%zz', '%ff', '%C0%80', '%ED%A0%80', '%2e%2e', '%2F', '%25', '%E2%82'],
  ...['/', '//', '/../', '..', '\\', '?', '#', '&', '=', ';', ',', ':', '@', '*', '**', '/**', '$', '~1', '[', ']'],
  ...['"', "'", '`', '{', '}', '{"', '"}', '\\u0000', '\\ud800', '\\"', '<', '>', '<script>', '-- ', "' OR 1=1"],
  ...['__proto__', 'constructor', 'prototype', '"__proto__":{"a":1},', 'toString', 'hasOwnProperty', 'length'],
  ...[
    '0',
    '-0',
    '-1',
    '1e999',
    '-1e-999',
    '9007199254740993',
    '99999999999999999999',
    '0x10',
    '1_0',
    'NaN',
    'Infinity',
  ],
  ...['null', 'true', 'undefined', '[]', '{}', '""', '[object Object]', '2026-02-30T00:00:00Z', '10m', '1.5h', '0s'],
  ...[
    '127.0.0.1',
    '::1',
    '[::1]',
    '::ffff:1.2.3.4',
    '0177.0.0.1',
    '2130706433',
    'localhost',
    'localhost.',
    'evil.example',
  ],
  ...['Bearer ', 'bearer', 'Basic ', 'eyJhbGciOiJub25lIn0', '..', 'for=', 'by=_x', 'null', '$open', 'error', 'evt_'],
]

const MOST_CHARACTERS = 64 * 1024

interface Mutation {
  part: number
  kind: number
  at: number
  length: number
  piece: string
}

type Change = (text: string, mutation: Mutation) => string

/** Each of them linear in what it makes, and what it makes bounded. */
const changes: readonly Change[] = [
  (text, { at, piece }) => insert(text, at, piece),
  (text, { at, piece }) => insert(text, at, piece),
  (text, { at, length, piece }) => replace(text, at, length % 4, piece),
  (text, { at, length }) => replace(text, at, length, ''),
  (text, { at }) => text.slice(0, place(text, at)),
  (text, { at }) => text.slice(place(text, at)),
  // One bit of one character.
  (text, { at, length }) =>
    replace(text, at, 1, String.fromCharCode((text.charCodeAt(place(text, at)) || 0) ^ (1 << (length % 16)))),
  (text, { at, length }) => insert(text, at, text.slice(place(text, at), place(text, at) + length)),
  (text, { at, length }) => {
    const from = place(text, at)
    return insert(text, at, text.slice(from, from + 1 + (length % 8)).repeat(length * 25))
  },
  (text, { at, length, piece }) => insert(text, at, piece.repeat(length * 10)),
  // Deep, and never closed.
  (text, { at, length }) => insert(text, at, (length % 2 === 0 ? '[' : '{"a":').repeat(length)),
  (text, { at, length }) => insert(text, at, noise(at, length)),
  (text, { at, length }) => (length % 3 === 0 ? '' : length % 3 === 1 ? noise(at, length) : text.toUpperCase()),
]

const mutation: fc.Arbitrary<Mutation> = fc.record({
  part: fc.nat(15),
  kind: fc.nat(changes.length - 1),
  at: fc.nat(0xffff),
  length: fc.nat(80),
  piece: fc.constantFrom(...PIECES),
})

/** A valid input, changed in up to six ways. Shrinks to fewer of them. */
export function hostile(samples: readonly Parts[]): fc.Arbitrary<Parts> {
  return fc.tuple(fc.constantFrom(...samples), fc.array(mutation, { maxLength: 6 })).map(([sample, mutations]) => {
    const parts = [...sample]
    for (const each of mutations) {
      const index = each.part % parts.length
      parts[index] = changes[each.kind]!(parts[index]!, each).slice(0, MOST_CHARACTERS)
    }
    return parts
  })
}

/**
 * Inputs that grow: in each part of each sample one thing is repeated until the part has `size` characters. What takes
 * a parser more than linear time shows here.
 */
export function* growing(samples: readonly Parts[], size: number): Generator<Parts> {
  for (const sample of samples) {
    for (const [index, part] of sample.entries()) {
      const middle = part.length >> 1
      for (const unit of new Set([...PIECES, part, ...part.slice(0, 40), '"\\', '"a":[', ',a=', ' ;', '%20', 'a/'])) {
        if (unit === '') continue
        const grown = unit.repeat(Math.ceil(size / unit.length))
        yield sample.with(index, part.slice(0, middle) + grown + part.slice(middle))
      }
    }
  }
}

function place(text: string, at: number): number {
  return at % (text.length + 1)
}

function insert(text: string, at: number, piece: string): string {
  return text.slice(0, place(text, at)) + piece + text.slice(place(text, at))
}

function replace(text: string, at: number, length: number, piece: string): string {
  return text.slice(0, place(text, at)) + piece + text.slice(place(text, at) + length)
}

/** UTF-16 units of all kinds, most of them ASCII. */
function noise(seed: number, length: number): string {
  let state = seed + 1
  let text = ''
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    text += String.fromCharCode(state % 4 === 0 ? state >>> 16 : (state >>> 16) & 0x7f)
  }
  return text
}
