import { parseJson } from '../../src/http/publish/json.ts'

/**
 * `template`, JSON, in which the key or value that `at` picks has become `piece`: as JSON where it is JSON, else as text.
 * What is mutated in the text of a template is seldom JSON any more; this way it is, and gets far. '' picks nothing.
 * @throws HubError `invalid-json` for a template that is none
 */
export function withLeaf(template: string, at: string, piece: string): unknown {
  const value = parseJson(template)
  if (at === '') return value
  const places = countPlaces(value)
  return new Replacing(hashOf(at) % places, piece).of(value)
}

export function hashOf(text: string): number {
  let hash = text.length
  for (let index = 0; index < text.length && index < 64; index++) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(index)) >>> 0
  }
  return hash
}

function countPlaces(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1
  const keys = Array.isArray(value) ? 0 : Object.keys(value).length
  return Object.values(value).reduce((places: number, each) => places + countPlaces(each), 1 + keys)
}

class Replacing {
  #left: number
  readonly #piece: string

  constructor(left: number, piece: string) {
    this.#left = left
    this.#piece = piece
  }

  of(value: unknown): unknown {
    if (this.#left-- === 0) return jsonOrText(this.#piece)
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map((each) => this.of(each))
    // Entries, so that `__proto__` becomes a field like any other, as JSON.parse has it.
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [this.#left-- === 0 ? this.#piece : key, this.of(each)]),
    )
  }
}

function jsonOrText(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    // What a decoder makes of a body never has half a surrogate pair; an escape in it may.
    return text
  }
}
