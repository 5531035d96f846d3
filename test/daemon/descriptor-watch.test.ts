import { expect, test } from 'bun:test'
import { watchDescriptors } from '../../src/daemon/descriptor-watch.ts'
import { ManualClock } from '../support/manual-clock.ts'

function watched(limit: number | undefined) {
  const clock = new ManualClock()
  const said: string[] = []
  let open = () => Promise.resolve(0)
  const stop = watchDescriptors({ limit, clock, warn: (line) => void said.push(line), count: () => open() })
  const look = async (answer: number | string) => {
    open = () =>
      typeof answer === 'number'
        ? Promise.resolve(answer)
        : Promise.reject(Object.assign(new Error(), { code: answer }))
    clock.pass(10_000)
    await clock.yield()
    return said.splice(0)
  }
  return { look, stop }
}

test('descriptors that run out are said once, also when none is left to ask with, and when there are some again', async () => {
  const { look, stop } = watched(400)
  expect(await look(379)).toEqual([])
  expect(await look(380)).toEqual([expect.stringContaining('380 of 400 descriptors are open')])
  expect(await look('EMFILE')).toEqual([])
  expect(await look(370)).toEqual([])
  expect(await look(359)).toEqual(['there are descriptors again: 359 of 400 are open.'])
  expect(await look('EMFILE')).toEqual([expect.stringContaining('400 of 400 descriptors are open')])
  stop()
  expect(await look(1)).toEqual([])
})

test('where they cannot be counted nothing is said', async () => {
  expect(await watched(400).look('ENOENT')).toEqual([])
  expect(await watched(undefined).look(1_000_000)).toEqual([])
})
