import { grouped } from './results.ts'
import { median, type Row } from './row.ts'

const WIDTH = 820
const LEFT = 150
const RIGHT = 110
const BAR = 16
const STEP = 22
const CHARTED = ['cpu-one-publisher', 'deliveries-32-publishers', 'latency-p99', 'memory-idle-reader']

/** Horizontal bars, one panel a row, ours in colour. Colours follow the reader's light or dark setting. */
export function chart(rows: Row[], date: string): string {
  const panels = CHARTED.map((id) => rows.find((row) => row.id === id)).filter((row) => row !== undefined)
  let top = 16
  const parts: string[] = []
  for (const row of panels) {
    const { svg, height } = panel(row, top)
    parts.push(svg)
    top += height
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top + 24}" role="img" aria-label="Benchmark results">
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .small { font-size: 11px; fill: #57606a }
  .bar { fill: #afb8c1 }
  .ours { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #8d96a0 }
    .bar { fill: #484f58 }
    .ours { fill: #4493f8 }
  }
</style>
${parts.join('\n')}
<text class="small" x="8" y="${top + 12}">bun run bench, ${date}; only mcp-sse writes to disk before it delivers</text>
</svg>
`
}

function panel(row: Row, top: number): { svg: string; height: number } {
  const bars = row.figures
    .filter((figure) => figure.samples.length > 0)
    .map((figure) => ({ name: figure.name, value: median(figure.samples) }))
    .sort((a, b) => (row.better === 'lower' ? a.value - b.value : b.value - a.value))
  const longest = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE)
  const scale = (WIDTH - LEFT - RIGHT) / longest
  const lines = bars.map(({ name, value }, index) => {
    const y = top + 26 + index * STEP
    const width = Math.max(1, value * scale).toFixed(1)
    const kind = name === 'mcp-sse' ? 'ours' : 'bar'
    return `<text x="${LEFT - 8}" y="${y + 12}" text-anchor="end">${markup(name)}</text>
<rect class="${kind}" x="${LEFT}" y="${y}" width="${width}" height="${BAR}" rx="2"/>
<text x="${(LEFT + Number(width) + 6).toFixed(1)}" y="${y + 12}">${grouped(value, row.digits)} ${markup(row.unit)}</text>`
  })
  const title = `<text class="title" x="8" y="${top + 12}">${markup(row.title)} <tspan class="small">(${row.better} is better)</tspan></text>`
  return { svg: [title, ...lines].join('\n'), height: 26 + bars.length * STEP + 18 }
}

function markup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
