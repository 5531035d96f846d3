import type { Pattern } from './pattern.ts'

interface Node<T> {
  children: Map<string, Node<T>>
  /** Patterns that end here. */
  ends: Set<T>
  /** Patterns that end here with `**`. */
  opens: Set<T>
}

/**
 * Patterns by segment, so that a topic finds the ones that match without looking at the others. A look-up visits at most
 * the nodes whose path matches a prefix of the topic.
 */
export class TopicIndex<T> {
  readonly #root: Node<T> = newNode()
  /** Exact topics need no walk: the commonest subscription is one look-up. */
  readonly #exact = new Map<string, Set<T>>()

  add(pattern: Pattern, value: T): void {
    if (pattern.exact) {
      const values = this.#exact.get(pattern.text)
      if (values) values.add(value)
      else this.#exact.set(pattern.text, new Set([value]))
      return
    }
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
  }

  /** Calls `found` for each match; a value added under several patterns may come more than once. */
  match(topic: string, found: (value: T) => void): void {
    const exact = this.#exact.get(topic)
    if (exact) for (const value of exact) found(value)
    const root = this.#root
    if (root.opens.size > 0) for (const value of root.opens) found(value)
    if (root.children.size > 0) walk(root, topic.split('/'), 0, found)
  }
}

function newNode<T>(): Node<T> {
  return { children: new Map(), ends: new Set(), opens: new Set() }
}

function walk<T>(node: Node<T>, segments: readonly string[], depth: number, found: (value: T) => void): void {
  const segment = segments[depth]
  if (segment === undefined) return
  for (const key of [segment, '*']) {
    const next = node.children.get(key)
    if (!next) continue
    for (const value of next.opens) found(value)
    if (depth + 1 === segments.length) for (const value of next.ends) found(value)
    else walk(next, segments, depth + 1, found)
  }
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
