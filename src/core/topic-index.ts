import type { Pattern } from './pattern.ts'
import { PatternBits } from './pattern-bits.ts'

interface Node<T> {
  children: Map<string, Node<T>>
  /** Patterns that end here. */
  ends: Set<T>
  /** Patterns that end here with `**`. */
  opens: Set<T>
}

/** Branches that one look-up follows: a topic of eight segments has fewer, however many patterns there are. */
const MOST_VISITS = 512

/**
 * Patterns by segment, so that a topic finds the ones that match without looking at the others. A look-up visits the nodes
 * whose path matches a prefix of the topic; where that are too many, because long patterns mix names and `*`, it goes by
 * bits instead. (5,600 such patterns and a batch of 1,000 events stopped the hub for 10 to 20 seconds; measured.)
 */
export class TopicIndex<T> {
  readonly #root: Node<T> = newNode()
  readonly #mostVisits: number
  /** The patterns of the tree once more, from the first time that it was too slow on. */
  #bits: PatternBits<T> | undefined
  /** Exact topics need no walk: the commonest subscription is one look-up. */
  readonly #exact = new Map<string, Set<T>>()

  constructor({ mostVisits = MOST_VISITS }: { mostVisits?: number } = {}) {
    this.#mostVisits = mostVisits
  }

  add(pattern: Pattern, value: T): void {
    if (pattern.exact) {
      const values = this.#exact.get(pattern.text)
      if (values) values.add(value)
      else this.#exact.set(pattern.text, new Set([value]))
      return
    }
    this.#bits?.add(pattern, value)
    let node = this.#root
    for (const segment of pattern.segments) {
      let next = node.children.get(segment)
      if (!next) {
        next = newNode()
        node.children.set(segment, next)
      }
      node = next
    }
    if (pattern.open) node.opens.add(value)
    else node.ends.add(value)
  }

  remove(pattern: Pattern, value: T): void {
    if (pattern.exact) {
      const values = this.#exact.get(pattern.text)
      values?.delete(value)
      if (values?.size === 0) this.#exact.delete(pattern.text)
      return
    }
    prune(this.#root, pattern, 0, value)
    this.#bits?.remove(pattern, value)
    if (this.#bits?.size === 0) this.#bits = undefined
  }

  /** Calls `found` for each match; a value added under several patterns may come more than once. */
  match(topic: string, found: (value: T) => void): void {
    const exact = this.#exact.get(topic)
    if (exact) for (const value of exact) found(value)
    const root = this.#root
    if (root.opens.size > 0) for (const value of root.opens) found(value)
    if (root.children.size === 0) return
    const segments = topic.split('/')
    if (walk(root, segments, 0, found, { left: this.#mostVisits })) return
    this.#bits ??= bitsOf(root)
    this.#bits.match(segments, found)
  }
}

function newNode<T>(): Node<T> {
  return { children: new Map(), ends: new Set(), opens: new Set() }
}

/** @returns false when it gave up */
function walk<T>(
  node: Node<T>,
  segments: readonly string[],
  depth: number,
  found: (value: T) => void,
  visits: { left: number },
): boolean {
  const segment = segments[depth]
  if (segment === undefined) return true
  for (const key of [segment, '*']) {
    const next = node.children.get(key)
    if (!next) continue
    if (visits.left-- === 0) return false
    for (const value of next.opens) found(value)
    if (depth + 1 === segments.length) for (const value of next.ends) found(value)
    else if (!walk(next, segments, depth + 1, found, visits)) return false
  }
  return true
}

function bitsOf<T>(root: Node<T>): PatternBits<T> {
  const bits = new PatternBits<T>()
  const visit = (node: Node<T>, segments: readonly string[]): void => {
    for (const open of [true, false]) {
      const text = [...segments, ...(open ? ['**'] : [])].join('/')
      for (const value of open ? node.opens : node.ends) bits.add({ text, exact: false, segments, open }, value)
    }
    for (const [segment, next] of node.children) visit(next, [...segments, segment])
  }
  visit(root, [])
  return bits
}

function prune<T>(node: Node<T>, pattern: Pattern, depth: number, value: T): void {
  const segment = pattern.segments[depth]
  if (segment === undefined) {
    if (pattern.open) node.opens.delete(value)
    else node.ends.delete(value)
    return
  }
  const next = node.children.get(segment)
  if (!next) return
  prune(next, pattern, depth + 1, value)
  if (next.children.size === 0 && next.ends.size === 0 && next.opens.size === 0) node.children.delete(segment)
}
