/** One reading of `/metrics`: the value of every line, by name and labels as they are written. */
export class Scrape {
  readonly #values: Map<string, number>

  constructor(text: string) {
    this.#values = new Map(
      text.split('\n').flatMap((line) => {
        const at = line.lastIndexOf(' ')
        return line === '' || line.startsWith('#') ? [] : [[line.slice(0, at), Number(line.slice(at + 1))] as const]
      }),
    )
  }

  /** The sum over all labels. 0 for what is not there yet. */
  sum(name: string): number {
    let sum = 0
    for (const [key, value] of this.#values) if (key === name || key.startsWith(`${name}{`)) sum += value
    return sum
  }

  /** By one label. */
  by(name: string, label: string): Record<string, number> {
    const found: Record<string, number> = {}
    for (const [key, value] of this.#values) {
      const named = key.startsWith(`${name}{`) ? new RegExp(`${label}="([^"]*)"`).exec(key)?.[1] : undefined
      if (named !== undefined) found[named] = (found[named] ?? 0) + value
    }
    return found
  }

  /** The upper bound of the bucket that holds this part of the values, in the histogram's unit. */
  quantile(name: string, part: number): number {
    const buckets = Object.entries(this.by(`${name}_bucket`, 'le'))
      .map(([bound, count]) => ({ bound: bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), count }))
      .sort((a, b) => a.bound - b.bound)
    const wanted = (buckets.at(-1)?.count ?? 0) * part
    return buckets.find(({ count }) => count >= wanted)?.bound ?? Number.NaN
  }
}
