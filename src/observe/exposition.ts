import type { Family, Labels, Spread } from './family.ts'

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Families as Prometheus reads them (text-based exposition format 0.0.4). What has no samples is left out. */
export function exposition(families: readonly Family[]): string {
  return families
    .filter((family) => family.samples.length > 0)
    .map(
      (family) =>
        `# HELP ${family.name} ${escaped(family.help)}\n# TYPE ${family.name} ${family.type}\n${lines(family)}`,
    )
    .join('')
}

function lines(family: Family): string {
  if (family.type === 'histogram') return family.samples.map((spread) => histogramLines(family.name, spread)).join('')
  return family.samples.map(({ labels, value }) => line(family.name, labels, value)).join('')
}

/** Cumulative, as the format wants it; it is counted apart, since that is what is cheap. */
function histogramLines(name: string, { labels, distribution }: Spread): string {
  let count = 0
  let text = ''
  for (const [index, counted] of distribution.counts.entries()) {
    count += counted
    const bound = distribution.bounds[index]
    text += line(`${name}_bucket`, { ...labels, le: bound === undefined ? '+Inf' : String(bound) }, count)
  }
  return text + line(`${name}_sum`, labels, distribution.sum) + line(`${name}_count`, labels, count)
}

function line(name: string, labels: Labels | undefined, value: number): string {
  return `${name}${labelText(labels)} ${numberText(value)}\n`
}

function labelText(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`)
  return pairs.length > 0 ? `{${pairs.join(',')}}` : ''
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  if (Number.isNaN(value)) return 'NaN'
  return value > 0 ? '+Inf' : '-Inf'
}

/** A line break would begin a line of somebody else's. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
