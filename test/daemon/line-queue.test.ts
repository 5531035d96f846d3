import { expect, test } from 'bun:test'
import { LineQueue } from '../../src/daemon/line-queue.ts'

/** A reader that takes a write when it is told to. */
function queueOf(mostWaiting = 100) {
  const writes: string[] = []
  const settle: { take: () => void; refuse: () => void }[] = []
  const queue = new LineQueue({
    write(text) {
      writes.push(text)
      return new Promise((resolve, reject) => {
        settle.push({ take: resolve, refuse: () => reject(new Error('EPIPE')) })
      })
    },
    lost: (lines) => `lost ${lines}\n`,
    mostWaiting,
  })
  const last = async (how: 'take' | 'refuse') => {
    settle.at(-1)![how]()
    await Bun.sleep(0)
  }
  return { queue, writes, take: () => last('take'), refuse: () => last('refuse') }
}

test('a line on its own is written before `put` returns; what comes meanwhile goes out together and in order', async () => {
  const { queue, writes, take } = queueOf()
  queue.put('a\n')
  expect(writes).toEqual(['a\n'])
  queue.put('b\n')
  queue.put('c\n')
  expect(writes).toHaveLength(1)
  await take()
  expect(writes).toEqual(['a\n', 'b\nc\n'])
  await take()
  queue.put('d\n')
  expect(writes.at(-1)).toBe('d\n')
})

test('what nobody takes waits up to a bound; what is lost is counted and said after the first line that gets through', async () => {
  const { queue, writes, take } = queueOf(100)
  const line = `${'x'.repeat(9)}\n`
  for (let index = 0; index < 1000; index++) queue.put(line)
  expect(writes).toEqual([line])
  expect(queue.lost).toBe(1000 - 1 - 10)
  await take()
  expect(writes[1]).toBe(`${line.repeat(10)}lost 989\n`)
  await take()
  queue.put(line)
  expect(writes[2]).toBe(line)
  expect(queue.lost).toBe(989)
})

test('lines that a full disk refuses are lost, and said when there is room again', async () => {
  const { queue, writes, refuse, take } = queueOf()
  queue.put('a\n')
  await refuse()
  queue.put('b\n')
  await refuse()
  expect(queue.lost).toBe(2)
  expect(writes).toEqual(['a\n', 'b\nlost 1\n'])
  queue.put('c\n')
  expect(writes.at(-1)).toBe('c\nlost 2\n')
  await take()
  queue.put('d\n')
  expect(writes.at(-1)).toBe('d\n')
})

test('settling says whether everything was taken, and waits no longer than it may', async () => {
  const { queue, take } = queueOf()
  expect(await queue.settle(0)).toBe(true)
  queue.put('a\n')
  expect(await queue.settle(10)).toBe(false)
  const settled = queue.settle(10_000)
  await take()
  expect(await settled).toBe(true)
})
