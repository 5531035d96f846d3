import { adviceFor } from './advice.ts'
import type { Examined } from './examine.ts'
import type { Front } from './front.ts'
import type { Verdict } from './probe.ts'

const MARKS: Record<Verdict, readonly [terminal: string, plain: string]> = {
  ok: ['✓', 'ok  '],
  warn: ['!', 'warn'],
  fail: ['✗', 'FAIL'],
  skipped: ['-', 'skip'],
}
const NAME_WIDTH = 11

/** One check: a line of what was seen, and below it what to change. Nothing for those of which `conclusion` tells. */
export function findingLines(examined: Examined, proxy: Front | undefined, isTerminal: boolean): string {
  if (isLeftOut(examined)) return ''
  const { probe, finding } = examined
  const { verdict, saw, advice } = finding
  const mark = MARKS[verdict][isTerminal ? 0 : 1]
  const indent = ' '.repeat(mark.length + NAME_WIDTH + 2)
  const lines = advice ? adviceFor(advice, proxy).map((line) => `${indent}-> ${line}\n`) : []
  return `${mark} ${probe.padEnd(NAME_WIDTH)} ${saw}\n${lines.join('')}`
}

/** Skipped for want of something that other lines are about. */
function isLeftOut({ finding: { verdict, advice } }: Examined): boolean {
  return verdict === 'skipped' && advice === undefined
}

/** Which checks were skipped and why, what is left behind, and how many problems there are. */
export function conclusion(examined: readonly Examined[], left: string | undefined, isTerminal: boolean): string {
  const reasons = Map.groupBy(examined.filter(isLeftOut), ({ finding }) => finding.saw)
  const mark = MARKS.skipped[isTerminal ? 0 : 1]
  const skipped = [...reasons].map(([why, those]) => `${mark} ${those.map(({ probe }) => probe).join(', ')}: ${why}\n`)
  const counts: Partial<Record<Verdict, Examined[]>> = Object.groupBy(examined, ({ finding }) => finding.verdict)
  const number = (n: number, one: string) => `${n} ${one}${n === 1 ? '' : 's'}`
  const parts = [number(counts.fail?.length ?? 0, 'problem')]
  if (counts.warn) parts.push(number(counts.warn.length, 'warning'))
  if (counts.skipped) parts.push(`${number(counts.skipped.length, 'check')} skipped`)
  return `${skipped.join('')}\n${left ? `${left}\n` : ''}${parts.join(', ')}\n`
}

/** All of a run as one object; times in milliseconds. */
export function document(
  url: string,
  examined: readonly Examined[],
  proxy: Front | undefined,
  left: string | undefined,
): object {
  return {
    url,
    ok: !examined.some(({ finding }) => finding.verdict === 'fail'),
    proxy: proxy ?? null,
    checks: examined.map(({ probe, finding: { verdict, saw, advice, numbers } }) => ({
      check: probe,
      verdict,
      saw,
      change: advice ? adviceFor(advice, proxy) : [],
      numbers: numbers ?? {},
    })),
    left: left ?? null,
  }
}
