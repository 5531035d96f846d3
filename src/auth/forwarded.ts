/** One hop of a `Forwarded` header (RFC 7239): its parameters, lower case, unquoted. */
export type Hop = ReadonlyMap<string, string>

/**
 * A pair, and what follows it. Linear: the alternatives of a quoted string exclude each other, and no two runs of white
 * space meet (they did when the second was outside the group: 15,500 spaces took half a second).
 */
const PAIR = /[ \t]*(?:([\w!#$%&'*+.^`|~-]+)=("(?:[^"\\]|\\.)*"|[\w!#$%&'*+.^`|~:[\]-]+)[ \t]*)?([;,]|$)/y

/** `undefined` for what is no `Forwarded` header. */
export function parseForwarded(text: string): Hop[] | undefined {
  const hops: Map<string, string>[] = []
  let hop = new Map<string, string>()
  PAIR.lastIndex = 0
  for (;;) {
    const match = PAIR.exec(text)
    if (!match) return undefined
    const [, name, value, end] = match
    if (name !== undefined) {
      const known = name.toLowerCase()
      if (hop.has(known)) return undefined
      hop.set(known, unquoted(value!))
    }
    if (end !== ';') {
      if (hop.size > 0) hops.push(hop)
      hop = new Map()
    }
    if (end === '') return hops
  }
}

/** The address of a node: `192.0.2.4:80`, `[2001:db8::1]:80`, `::1`. Text that is no address is given back as it is. */
export function withoutPort(node: string): string {
  const text = node.trim()
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)
  if (bracketed) return bracketed[1]!
  const colon = text.indexOf(':')
  return colon !== -1 && colon === text.lastIndexOf(':') ? text.slice(0, colon) : text
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value
}
