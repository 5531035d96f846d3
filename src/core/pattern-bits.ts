import type { Pattern } from './pattern.ts'

const WORD = 32
const FIRST_CAPACITY = 1024

type Bits = Uint32Array

/** What of all patterns has a place at one depth. */
interface Level {
  /** `*` there. */
  star: Bits
  /** A name there: few as numbers, many as bits. */
  named: Map<string, Set<number> | Bits>
  /** Their last segment is the one before. */
  ends: Bits
  /** The same with `**` after it. */
  opens: Bits
}

/**
 * The same as a walk through a tree of patterns, a bit a pattern: 32 of them at a time whatever they have in common. Where
 * names and `*` are mixed, a topic follows so many branches of a tree that it is slower than looking at each pattern.
 */
export class PatternBits<T> {
  #levels: Level[] = []
  #capacity = FIRST_CAPACITY
  readonly #values: (T | undefined)[] = []
  readonly #numbers = new Map<string, Map<T, number>>()
  #free: number[] = []

  get size(): number {
    return this.#values.length - this.#free.length
  }

  add(pattern: Pattern, value: T): void {
    const known = this.#numbers.get(pattern.text)
    if (known?.has(value)) return
    const number = this.#free.pop() ?? this.#values.length
    if (number >= this.#capacity) this.#grow()
    this.#values[number] = value
    if (known) known.set(value, number)
    else this.#numbers.set(pattern.text, new Map([[value, number]]))
    for (const [depth, segment] of pattern.segments.entries()) {
      const level = this.#level(depth)
      if (segment === '*') setBit(level.star, number)
      else this.#name(level, segment, number)
    }
    const last = this.#level(pattern.segments.length)
    setBit(pattern.open ? last.opens : last.ends, number)
  }

  remove(pattern: Pattern, value: T): void {
    const known = this.#numbers.get(pattern.text)
    const number = known?.get(value)
    if (!known || number === undefined) return
    known.delete(value)
    if (known.size === 0) this.#numbers.delete(pattern.text)
    this.#values[number] = undefined
    this.#free.push(number)
    for (const [depth, segment] of pattern.segments.entries()) {
      const level = this.#levels[depth]!
      if (segment === '*') clearBit(level.star, number)
      else unname(level, segment, number)
    }
    const last = this.#levels[pattern.segments.length]!
    clearBit(pattern.open ? last.opens : last.ends, number)
  }

  match(segments: readonly string[], found: (value: T) => void): void {
    // All: who has no place at a depth falls out there.
    const alive = new Uint32Array(this.#words).fill(0xffffffff)
    for (let depth = 0; depth < segments.length; depth++) {
      const level = this.#levels[depth]
      if (!level) return
      this.#each(alive, level.opens, found)
      if (!narrow(alive, level, segments[depth]!)) return
    }
    const last = this.#levels[segments.length]
    if (!last) return
    this.#each(alive, last.opens, found)
    this.#each(alive, last.ends, found)
  }

  get #words(): number {
    return this.#capacity / WORD
  }

  #each(alive: Bits, those: Bits, found: (value: T) => void): void {
    for (let word = 0; word < alive.length; word++) {
      for (let left = alive[word]! & those[word]!; left !== 0; left &= left - 1) {
        found(this.#values[word * WORD + 31 - Math.clz32(left & -left)]!)
      }
    }
  }

  #level(depth: number): Level {
    while (this.#levels.length <= depth) {
      const bits = () => new Uint32Array(this.#words)
      this.#levels.push({ star: bits(), named: new Map(), ends: bits(), opens: bits() })
    }
    return this.#levels[depth]!
  }

  #name({ named }: Level, segment: string, number: number): void {
    const those = named.get(segment)
    if (!those) named.set(segment, new Set([number]))
    else if (!(those instanceof Set)) setBit(those, number)
    // As many words as numbers: bits are smaller from here on, and faster.
    else if (those.add(number).size > this.#words) named.set(segment, bitsOf(those, this.#words))
  }

  #grow(): void {
    this.#capacity *= 2
    const grown = (bits: Bits): Bits => {
      const larger = new Uint32Array(this.#words)
      larger.set(bits)
      return larger
    }
    this.#levels = this.#levels.map(({ star, named, ends, opens }) => ({
      star: grown(star),
      named: new Map([...named].map(([name, those]) => [name, those instanceof Set ? those : grown(those)])),
      ends: grown(ends),
      opens: grown(opens),
    }))
  }
}

/** @returns whether any is left */
function narrow(alive: Bits, { star, named }: Level, segment: string): boolean {
  const those = named.get(segment)
  const few = those instanceof Set ? [...those].filter((number) => hasBit(alive, number)) : []
  const many = those instanceof Set ? undefined : those
  let left = few.length > 0 ? 1 : 0
  for (let word = 0; word < alive.length; word++) {
    const kept = alive[word]! & (many ? star[word]! | many[word]! : star[word]!)
    alive[word] = kept
    left |= kept
  }
  for (const number of few) setBit(alive, number)
  return left !== 0
}

function unname({ named }: Level, segment: string, number: number): void {
  const those = named.get(segment)
  if (!those) return
  if (!(those instanceof Set)) clearBit(those, number)
  else if (those.delete(number) && those.size === 0) named.delete(segment)
}

function bitsOf(numbers: Iterable<number>, words: number): Bits {
  const bits = new Uint32Array(words)
  for (const number of numbers) setBit(bits, number)
  return bits
}

function setBit(bits: Bits, number: number): void {
  bits[number >>> 5]! |= 1 << (number & 31)
}

function clearBit(bits: Bits, number: number): void {
  bits[number >>> 5]! &= ~(1 << (number & 31))
}

function hasBit(bits: Bits, number: number): boolean {
  return (bits[number >>> 5]! & (1 << (number & 31))) !== 0
}
