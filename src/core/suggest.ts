const MAX_WORD = 64

/**
 * The one of `names` that `word` was most likely meant to be, or `undefined` when none is close (more than a third of
 * the letters wrong). Costs `word.length × name.length` for each name; longer words than 64 are never typing mistakes.
 */
export function nearestName(word: string, names: readonly string[]): string | undefined {
  if (word.length > MAX_WORD) return undefined
  const asked = word.toLowerCase()
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const name of names) {
    const known = name.toLowerCase()
    const allowed = Math.max(1, Math.floor(Math.max(asked.length, known.length) / 3))
    const distance = editDistance(asked, known)
    if (distance <= allowed && distance < least) {
      best = name
      least = distance
    }
  }
  return best
}

/** `" Did you mean `name`?"` with its leading space, or nothing. */
export function didYouMean(word: string, names: readonly string[]): string {
  const name = nearestName(word, names)
  return name === undefined ? '' : ` Did you mean ${JSON.stringify(name)}?`
}

/** Text of others inside a sentence: quoted, without line breaks, at most 64 characters of it. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > MAX_WORD ? `${text.slice(0, MAX_WORD)}…` : text).toWellFormed()
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost one each. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) cost = Math.min(cost, beforeLast[column - 2]! + 1)
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}
