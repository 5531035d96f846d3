const WIDTH = 820
const PANEL = 120
const GAP = 46
const LEFT = 56
const RIGHT = 16

export interface Line {
  name: string
  /** `ours` in colour, `other` in grey. */
  kind: 'ours' | 'other'
  points: readonly { x: number; y: number }[]
}

export interface Panel {
  title: string
  lines: readonly Line[]
}

export interface LineChart {
  panels: readonly Panel[]
  /** Where the x axis ends, in minutes; it begins at 0. */
  minutes: number
  /** Upright lines, in minutes. */
  marks: readonly number[]
  caption: string
}

/** One panel below the other over the same minutes, each from 0. A line is broken where it goes back to a mark. */
export function lineChart({ panels, minutes, marks, caption }: LineChart): string {
  const height = panels.length * (PANEL + GAP) + 34
  const x = (minute: number) => LEFT + (minute / minutes) * (WIDTH - LEFT - RIGHT)
  const drawn = panels.map((panel, index) => drawnPanel(panel, 24 + index * (PANEL + GAP), x, marks))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Soak">
<style>
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .small { font-size: 11px; fill: #57606a }
  polyline { fill: none; stroke-width: 1.5 }
  .ours { stroke: #0969da }
  .other { stroke: #8c959f }
  .axis { stroke: #d0d7de }
  .mark { stroke: #d0d7de; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #8d96a0 }
    .ours { stroke: #4493f8 }
    .axis, .mark { stroke: #3d444d }
  }
</style>
${drawn.join('\n')}
<text class="small" x="8" y="${height - 8}">${caption}</text>
</svg>
`
}

function drawnPanel(
  { title, lines }: Panel,
  top: number,
  x: (minute: number) => number,
  marks: readonly number[],
): string {
  const most = lines.flatMap(({ points }) => points).reduce((high, { y }) => Math.max(high, y), 0)
  const high = niceAbove(most)
  const bottom = top + PANEL
  const y = (value: number) => bottom - (value / high) * (PANEL - 10)
  const parts = [
    `<text class="title" x="8" y="${top - 8}">${title} <tspan class="small">${lines.map(({ name, kind }) => `${name}: ${kind === 'ours' ? 'blue' : 'grey'}`).join(', ')}</tspan></text>`,
    `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${bottom}" y2="${bottom}"/>`,
    ...[0, high / 2, high].map(
      (value) => `<text class="small" x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${value}</text>`,
    ),
    ...marks.map((mark) => `<line class="mark" x1="${x(mark)}" x2="${x(mark)}" y1="${top}" y2="${bottom}"/>`),
    ...lines.flatMap(({ kind, points }) =>
      stretches(points, marks).map(
        (stretch) =>
          `<polyline class="${kind}" points="${stretch.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ')}"/>`,
      ),
    ),
  ]
  return parts.join('\n')
}

function stretches(points: Line['points'], marks: readonly number[]): Line['points'][] {
  const edges = [0, ...marks, Number.POSITIVE_INFINITY]
  return edges
    .slice(1)
    .map((end, index) => points.filter(({ x }) => x >= edges[index]! && x < end))
    .filter((stretch) => stretch.length > 0)
}

function niceAbove(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1)))
  return [1, 2, 4, 5, 10].map((step) => step * unit).find((step) => step >= value) ?? value
}
