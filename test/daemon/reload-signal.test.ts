import { expect, test } from 'bun:test'
import { onReloadSignal, ReloadTurns } from '../../src/daemon/reload-signal.ts'
import { until } from '../support/until.ts'

/** A reload that ends when the test says so. */
function heldReload() {
  const held: (() => void)[] = []
  let running = 0
  let most = 0
  const run = async () => {
    most = Math.max(most, ++running)
    await new Promise<void>((resolve) => held.push(resolve))
    running--
  }
  return { run, held, most: () => most }
}

test('reloads never overlap, and many asked for during one come to one more', async () => {
  const { run, held, most } = heldReload()
  const turns = new ReloadTurns(run)
  turns.ask()
  turns.ask()
  turns.ask()
  expect(held).toHaveLength(1)
  held[0]!()
  await until('the one more', () => held.length === 2)
  held[1]!()
  await Bun.sleep(0)
  expect([held.length, most()]).toEqual([2, 1])
  turns.ask()
  expect(held).toHaveLength(3)
  held[2]!()
})

test('after the end none begins, the one that was to follow neither, and that is told once', async () => {
  const { run, held } = heldReload()
  const turns = new ReloadTurns(run)
  let told = 0
  turns.ask()
  turns.ask()
  turns.end(() => told++)
  turns.end(() => told++)
  turns.ask()
  held[0]!()
  await Bun.sleep(0)
  turns.ask()
  expect([held.length, told]).toEqual([1, 1])
  const idle = new ReloadTurns(run)
  idle.end(() => told++)
  expect(told).toBe(1)
  idle.ask()
  expect([held.length, told]).toEqual([1, 2])
})

test('SIGHUP asks for a reload until the end, and is not given back', async () => {
  let reloads = 0
  const before = process.listeners('SIGHUP')
  const end = onReloadSignal({
    reload: async () => {
      reloads++
    },
    hangUp: () => {},
  })
  process.kill(process.pid, 'SIGHUP')
  await until('a reload', () => reloads === 1)
  let told = 0
  end(() => told++)
  // Without a listener this would end the process.
  process.kill(process.pid, 'SIGHUP')
  await until('it to be told', () => told === 1)
  expect(reloads).toBe(1)
  for (const listener of process.listeners('SIGHUP')) if (!before.includes(listener)) process.off('SIGHUP', listener)
})
