import { expect } from 'bun:test'

/** Debian's `prometheus` has it; tests that need it say that they are skipped. */
export const promtool = Bun.which('promtool')

/** What Prometheus itself says about an exposition: it can be read, and its names and units are as they should be. */
export function expectGoodMetrics(text: string): void {
  if (promtool === null) throw new Error('there is no promtool')
  const { exitCode, stdout, stderr } = Bun.spawnSync([promtool, 'check', 'metrics'], { stdin: Buffer.from(text) })
  expect([exitCode, stdout.toString(), stderr.toString()]).toEqual([0, '', ''])
}
