import type { Distribution } from '../core/distribution.ts'

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  labels?: Labels
  value: number
}

export interface Spread {
  labels?: Labels
  distribution: Distribution
}

/** One name and all that is said under it. */
export type Family =
  | { type: 'counter' | 'gauge'; name: string; help: string; samples: readonly Sample[] }
  | { type: 'histogram'; name: string; help: string; samples: readonly Spread[] }

/** Only goes up; its name ends in `_total`. */
export function counter(name: string, help: string, ...samples: readonly (Sample | number)[]): Family {
  return { type: 'counter', name, help, samples: samples.map(sample) }
}

export function gauge(name: string, help: string, ...samples: readonly (Sample | number)[]): Family {
  return { type: 'gauge', name, help, samples: samples.map(sample) }
}

/** In the unit its name ends in. */
export function histogram(name: string, help: string, distribution: Distribution): Family {
  return { type: 'histogram', name, help, samples: [{ distribution }] }
}

function sample(given: Sample | number): Sample {
  return typeof given === 'number' ? { value: given } : given
}
