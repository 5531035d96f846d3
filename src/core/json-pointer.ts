/** RFC 6901: nothing, or names each after a slash, in which `~` is `~0` and `/` is `~1`. */
const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/

export function isPointer(text: string): boolean {
  return POINTER.test(text)
}

/** The names of a pointer, from the outside in. */
export function pointerNames(pointer: string): string[] {
  const names = pointer.split('/').slice(1)
  return names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** What is at the names inside a JSON value; `undefined` where nothing is. */
export function valueAt(value: unknown, names: readonly string[]): unknown {
  let place = value
  for (const name of names) {
    if (typeof place !== 'object' || place === null || !Object.hasOwn(place, name)) return undefined
    // A list has no `01`, and its `length` is no item.
    if (Array.isArray(place) && !/^(0|[1-9]\d*)$/.test(name)) return undefined
    place = (place as Record<string, unknown>)[name]
  }
  return place
}
