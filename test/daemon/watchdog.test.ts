import { describe, expect, test } from 'bun:test'
import { watch } from '../../src/daemon/watchdog.ts'
import { ManualClock } from '../support/manual-clock.ts'

/** A watchdog of 30 s whose probes are answered by hand. */
function watched() {
  const clock = new ManualClock()
  const probes: { answer(): void; fail(): void }[] = []
  const warnings: string[] = []
  let lives = 0
  const stop = watch({
    withinMs: 30_000,
    probe: () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      probes.push({ answer: resolve, fail: () => reject(new Error('log-failed')) })
      return promise
    },
    alive: () => void lives++,
    clock,
    warn: (sentence) => void warnings.push(sentence),
  })
  return { clock, probes, warnings, stop, lives: () => lives }
}

describe('signs of life', () => {
  test('come at once and then twice as often as asked for, each after an answer', async () => {
    const { clock, probes, lives, warnings } = watched()
    expect(lives()).toBe(0)
    for (let round = 1; round <= 4; round++) {
      probes.at(-1)!.answer()
      await clock.yield()
      expect([lives(), probes.length]).toEqual([round, round])
      clock.pass(15_000)
    }
    expect(warnings).toEqual([])
  })

  test('end when the writer does not answer, with one probe and one sentence, and go on when it does', async () => {
    const { clock, probes, lives, warnings } = watched()
    for (let round = 0; round < 4; round++) {
      clock.pass(15_000)
      await clock.yield()
    }
    expect([lives(), probes.length, warnings.length]).toEqual([0, 1, 1])
    expect(warnings[0]).toContain('did not answer for 15 s')
    probes[0]!.answer()
    await clock.yield()
    expect(lives()).toBe(1)
    expect(warnings[1]).toContain('did not answer for 60 s: the disk may hang. Now it has.')
    clock.pass(15_000)
    expect(probes).toHaveLength(2)
  })

  test('are none of a log that failed', async () => {
    const { clock, probes, lives } = watched()
    probes[0]!.fail()
    await clock.yield()
    clock.pass(15_000)
    probes[1]!.fail()
    await clock.yield()
    expect(lives()).toBe(0)
  })

  test('end with the watch, also the one whose answer is on its way', async () => {
    const { clock, probes, stop, lives } = watched()
    stop()
    probes[0]!.answer()
    clock.pass(60_000)
    await clock.yield()
    expect([lives(), probes.length]).toEqual([0, 1])
  })
})
