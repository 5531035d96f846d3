import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { Crash } from '../support/crash.ts'
import { Executable } from '../support/executable.ts'
import { historyOf } from '../support/history.ts'
import { RawStream } from '../support/raw-stream.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

/** The bench asks for a hundred. */
const ROUNDS = Number(process.env.CRASH_ROUNDS || 10)

test(`kill -9 at ${ROUNDS} random moments: what was acknowledged is there, and no reader misses or repeats an event`, async () => {
  const server = await Executable.serve()
  const crash = await Crash.begin(server).catch(async (error) => {
    await server.remove()
    throw error
  })
  try {
    for (let round = 1; round <= ROUNDS; round++) await crash.round(`round-${round}`)
    await crash.end()
    // Eight publishers had at least one answer each in every round: an empty comparison proves nothing.
    expect(crash.acknowledged).toBeGreaterThanOrEqual(ROUNDS * 8)
    console.log(
      `crash: ${ROUNDS} rounds, ${crash.acknowledged} acknowledged events found, ${crash.unacknowledged} without an answer kept too`,
    )
  } finally {
    await crash.abandon()
    await server.remove()
  }
})

describe('an older copy of the data directory is put back', () => {
  test.each([
    ['made after a clean stop', 'SIGTERM', 'SIGTERM'],
    ['made after a clean stop, put back after kill -9', 'SIGTERM', 'SIGKILL'],
    ['made after kill -9, put back after kill -9', 'SIGKILL', 'SIGKILL'],
  ] as const)('%s: a newer cursor gets $gap unknown, an older one goes on', async (_, stopBefore, stopAfter) => {
    const server = await Executable.serve()
    using copy = tempDir()
    try {
      const old = await publish(server, 'old', 5)
      await server.kill(stopBefore)
      await cp(server.dataDir, copy.path, { recursive: true })
      await server.start()
      const lost = await publish(server, 'lost', 5)
      await server.kill(stopAfter)
      await putBack(server, copy.path)
      await expectRestored(server, old, lost)
    } finally {
      await server.remove()
    }
  })

  test('made of the files of a running hub that then published more and was killed: $gap unknown', async () => {
    const server = await Executable.serve()
    using copy = tempDir()
    try {
      const old = await publish(server, 'old', 5)
      // Stopped so that database and write-ahead log are of one moment, as a snapshot of the disk is.
      process.kill(server.pid, 'SIGSTOP')
      await until('it to stand still', () => threadStates(server.pid).every((state) => state === 'T'))
      await cp(server.dataDir, copy.path, { recursive: true })
      process.kill(server.pid, 'SIGCONT')
      const lost = await publish(server, 'lost', 5)
      await server.kill('SIGKILL')
      await putBack(server, copy.path)
      await expectRestored(server, old, lost)
    } finally {
      await server.remove()
    }
  })
})

/** `T`: stopped by a signal, which reaches one thread after another. */
function threadStates(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((tid) => {
    const stat = readFileSync(`/proc/${pid}/task/${tid}/stat`, 'latin1')
    return stat.charAt(stat.lastIndexOf(')') + 2)
  })
}

async function publish(server: Executable, name: string, count: number): Promise<string[]> {
  const cursors: string[] = []
  for (let number = 1; number <= count; number++) {
    const answer = await fetch(`${server.url}/events/${name}`, { method: 'POST', body: `${name} ${number}` })
    expect(answer.status).toBe(201)
    cursors.push(((await answer.json()) as { cursor: string }).cursor)
  }
  return cursors
}

async function putBack(server: Executable, copy: string): Promise<void> {
  await rm(server.dataDir, { recursive: true })
  await cp(copy, server.dataDir, { recursive: true })
  await server.start()
}

/** Before and after the offsets that were lost have been given to other events. */
async function expectRestored(server: Executable, old: string[], lost: string[]): Promise<void> {
  expect((await historyOf(server.url, 'earliest')).map(({ data }) => data)).toEqual(old.map((_, n) => `old ${n + 1}`))
  for (const cursor of lost) await expectUnknown(server, cursor, old.at(-1)!)
  const again = await publish(server, 'again', 10)
  expect(offsetOf(again.at(-1)!)).toBeGreaterThan(offsetOf(lost.at(-1)!))
  for (const cursor of lost) await expectUnknown(server, cursor, again.at(-1)!)
  for (const [index, cursor] of old.entries()) {
    const stream = await RawStream.open(`${server.url}/events`, { lastEventId: cursor })
    const data: unknown[] = []
    while (data.length < old.length - index - 1 + again.length) {
      const block = await stream.next()
      expect(block?.type).toBeOneOf(['message', '$open'])
      if (block?.type === 'message' && block.data !== undefined) data.push(block.data)
    }
    stream.drop()
    expect(data.slice(old.length - index - 1)).toEqual(again.map((_, n) => `again ${n + 1}`))
  }
}

async function expectUnknown(server: Executable, cursor: string, head: string): Promise<void> {
  const stream = await RawStream.open(`${server.url}/events`, { lastEventId: cursor })
  const hello = await stream.next()
  const open = await stream.next()
  const gap = await stream.next()
  stream.drop()
  expect([hello?.id, open?.type, open?.id]).toEqual([undefined, '$open', undefined])
  expect({ ...gap, data: JSON.parse(gap?.data ?? 'null') }).toEqual({
    id: head,
    type: '$gap',
    data: { requested: cursor, resumedFrom: head, reason: 'unknown' },
    comments: [],
  })
}

function offsetOf(cursor: string): number {
  return Number(cursor.split('.')[1])
}
