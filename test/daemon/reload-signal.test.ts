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

test('SIGHUP asks for a reload until it is undone', async () => {
  let reloads = 0
  const counted = () => {}
  process.on('SIGHUP', counted)
  const undo = onReloadSignal({
    reload: async () => {
      reloads++
    },
    hangUp: () => {},
  })
  process.kill(process.pid, 'SIGHUP')
  await until('a reload', () => reloads === 1)
  undo()
  undo()
  expect(process.listeners('SIGHUP')).toEqual([counted])
  process.off('SIGHUP', counted)
})
