import { type Check, median } from '../row.ts'
import type { Sample } from './sample.ts'

/** A start has to settle first: pools fill, code is compiled. */
export const WARM_UP_S = 300
/** Of the last third to the first. */
export const FLAT = 1.1

export interface Trend {
  samples: number
  first: number
  last: number
  /** Least squares, in the value's unit an hour. */
  slope: number
}

/** Of a short run two fifths of a life are warm-up. */
export function warmUpOf(seconds: number): number {
  return Math.min(WARM_UP_S, seconds * 0.4)
}

/** Under the full crowd, after the warm-up: first and last third, and a line through all of it. */
export function trend(samples: readonly Sample[], seconds: number, value: (sample: Sample) => number): Trend {
  const settled = samples.filter(({ age, crowd }) => age >= warmUpOf(seconds) && crowd === 'full')
  const values = settled.map(value)
  const third = Math.max(1, Math.floor(values.length / 3))
  return {
    samples: values.length,
    first: median(values.slice(0, third)),
    last: median(values.slice(-third)),
    slope: slope(
      settled.map(({ at }) => at / 3600),
      values,
    ),
  }
}

/** What has to be flat, in the longest life. */
export function flatness(what: string, { first, last }: Trend): Check {
  return { what: `${what}: last third ÷ first`, value: last / first, unit: '×', better: 'lower', must: FLAT }
}

/** With the same crowd there is as much of it as before, but for `more`. */
export function sameWhenCalm(
  what: string,
  samples: readonly Sample[],
  value: (sample: Sample) => number,
  more = 0,
): Check {
  const of = (crowd: Sample['crowd']) => median(samples.filter((sample) => sample.crowd === crowd).map(value))
  const grown = of('after') - of('before')
  return { what: `${what}: more with the same crowd at the end`, value: grown, unit: '', better: 'lower', must: more }
}

export function none(what: string, value: number): Check {
  return { what, value, unit: '', better: 'lower', must: 0 }
}

export function atMost(what: string, value: number, unit: string, must: number): Check {
  return { what, value, unit, better: 'lower', must }
}

function slope(xs: readonly number[], ys: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(xs), mean(ys)]
  let above = 0
  let below = 0
  for (const [index, each] of xs.entries()) {
    above += (each - x) * (ys[index]! - y)
    below += (each - x) ** 2
  }
  return above / below
}
