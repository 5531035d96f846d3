const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
]

/** The shortest text that core's `parseDuration` reads back as `ms`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  const fit = UNITS.find(([, size]) => ms % size === 0)
  return fit ? `${ms / fit[1]}${fit[0]}` : `${ms}ms`
}
