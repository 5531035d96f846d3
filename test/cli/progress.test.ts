import { afterEach, expect, jest, spyOn, test } from 'bun:test'
import type { Output } from '../../src/cli/io.ts'
import { Progress } from '../../src/cli/progress.ts'

function terminal(isTerminal = true): Output & { text: string } {
  return {
    text: '',
    isTerminal,
    columns: 80,
    async write(text) {
      this.text += text
    },
  }
}

afterEach(() => jest.restoreAllMocks())

test('a run of less than a second shows nothing, a longer one its part, count and rate, and then takes it away', async () => {
  const clock = spyOn(performance, 'now').mockReturnValue(10_000)
  const output = terminal()
  const progress = new Progress(output, 1000)
  clock.mockReturnValue(10_900)
  await progress.update(100, 10)
  expect(output.text).toBe('')
  clock.mockReturnValue(12_000)
  await progress.update(250, 500)
  await progress.update(300, 600)
  expect(output.text).toBe('\r\x1b[K[##########..............................] 25 %  500 events, 250/s')
  await progress.end()
  expect(output.text).toEndWith('\r\x1b[K')
})

test('outside a terminal nothing is drawn', async () => {
  const clock = spyOn(performance, 'now').mockReturnValue(0)
  const output = terminal(false)
  const progress = new Progress(output, undefined)
  clock.mockReturnValue(60_000)
  await progress.update(1, 1)
  await progress.end()
  expect(output.text).toBe('')
})
