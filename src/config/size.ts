const UNITS: readonly (readonly [unit: string, bytes: number])[] = [
  ['TiB', 2 ** 40],
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
  ['KB', 1e3],
  ['B', 1],
]

const SIZE = /^(\d+(?:\.\d+)?) ?([KMGT]iB|[kKMGT]?B)?$/

/** Bytes of `1MiB`, `64KiB`, `1.5GB`, `4096`, rounded. `undefined` for anything else. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text)
  if (!match) return undefined
  const unit = UNITS.find(([name]) => name === (match[2] ?? 'B'))!
  const bytes = Math.round(Number(match[1]) * unit[1])
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** The shortest text `parseSize` reads back as `bytes`. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of UNITS) {
    if (size > 1 && bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`
  }
  return `${bytes}`
}
