/** What one contender scored in one row: a sample a round. */
export interface Figure {
  name: string
  samples: number[]
  note?: string
}

/** One line of the agreed limits. `value` is the median over the rounds of what `what` says. */
export interface Check {
  what: string
  value: number
  unit: string
  better: 'lower' | 'higher'
  must: number
  goal?: number
}

export interface Row {
  id: string
  title: string
  unit: string
  /** Decimals worth showing. */
  digits: number
  better: 'lower' | 'higher'
  figures: Figure[]
  checks: Check[]
  remarks: string[]
}

export type Verdict = 'goal' | 'must' | 'missed'

export function verdict(check: Check): Verdict {
  const within = (limit: number) => (check.better === 'lower' ? check.value <= limit : check.value >= limit)
  if (!within(check.must)) return 'missed'
  return check.goal === undefined || within(check.goal) ? 'goal' : 'must'
}

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function samplesOf(row: Row, name: string): number[] {
  return row.figures.find((figure) => figure.name === name)?.samples ?? []
}

/** Round by round, so that a disturbance that hit both of a pair falls out of their ratio. */
export function pairwise(
  a: readonly number[],
  b: readonly number[],
  combine: (a: number, b: number) => number,
): number {
  return median(a.slice(0, b.length).map((value, round) => combine(value, b[round]!)))
}
