import { afterEach, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Executable } from '../support/executable.ts'
import { historyOf } from '../support/history.ts'
import { RawStream } from '../support/raw-stream.ts'
import { runExecutable } from '../support/startup.ts'
import { until } from '../support/until.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'

/** A hub that keeps what it has, and takes it back. */

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function serve(env: Record<string, string> = {}): Promise<Executable> {
  const server = await Executable.serve(env)
  closing.push(() => server.remove())
  return server
}

function log(server: Executable, args: readonly string[], through: readonly string[] = []) {
  return runExecutable(['log', args[0]!, '--data-dir', server.dataDir, ...args.slice(1)], {
    cwd: dirname(server.dataDir),
    through,
  })
}

async function done(server: Executable, ...args: string[]) {
  const { stdout, stderr, exitCode } = await log(server, [...args, '--json'])
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
  return JSON.parse(stdout)
}

async function publish(server: Executable, data: readonly string[], topic = 'a'): Promise<string[]> {
  const cursors: string[] = []
  for (const body of data) {
    const answer = await fetch(`${server.url}/events/${topic}`, { method: 'POST', body })
    cursors.push(((await answer.json()) as { cursor: string }).cursor)
  }
  return cursors
}

async function kept(server: Executable): Promise<string[]> {
  return (await historyOf(server.url, 'earliest')).map(({ data }) => data as string)
}

/** What a reader that comes back with `lastEventId` is given before it has `count` events. */
async function resumed(server: Executable, lastEventId: string, count: number) {
  const stream = await RawStream.open(`${server.url}/events`, { lastEventId })
  const data: string[] = []
  let gap: unknown
  while (data.length < count || (count === 0 && gap === undefined)) {
    const block = await stream.next()
    if (!block) break
    if (block.type === '$gap') gap = JSON.parse(block.data ?? '{}').reason
    else if (block.type === 'message' && block.data !== undefined) data.push(block.data)
  }
  stream.drop()
  return { data, gap }
}

const names = (name: string, count: number) => Array.from({ length: count }, (_, number) => `${name}-${number}`)

test('a reader behind the backup goes on, one ahead of it is told of a gap, before and after its offsets are given again', async () => {
  const server = await serve()
  const old = await publish(server, names('old', 5))
  const { events, cursor } = await done(server, 'backup', 'copy')
  expect({ events, cursor }).toEqual({ events: 5, cursor: old.at(-1) })
  const lost = await publish(server, names('lost', 5))
  await server.kill('SIGTERM')
  const { aside } = await done(server, 'restore', 'copy', '--replace')
  expect(readdirSync(aside)).toContain('events.db')
  await server.start()
  expect(await kept(server)).toEqual(names('old', 5))
  for (const cursor of lost) expect(await resumed(server, cursor, 0)).toEqual({ data: [], gap: 'unknown' })
  const again = await publish(server, names('again', 8))
  expect(again.map((cursor) => Number(cursor.split('.')[1]))).toContain(Number(lost.at(-1)!.split('.')[1]))
  for (const cursor of lost) expect(await resumed(server, cursor, 0)).toEqual({ data: [], gap: 'unknown' })
  expect(await resumed(server, old[2]!, 10)).toEqual({
    data: [...names('old', 5).slice(3), ...names('again', 8)],
    gap: undefined,
  })
})

test('a forward that was ahead of the backup gets every event after the restore, and what was sent since once more', async () => {
  const receiver = new WebhookReceiver()
  closing.push(() => receiver.close())
  const forward = `[{ name = "x", topic = "**", url = "${receiver.url()}", private = true }]`
  const server = await serve({ MCP_SSE_FORWARD: forward })
  const bodies = () => receiver.attempts.map(({ body }) => body)
  const heard = (data: string) => bodies().filter((body) => body.includes(data)).length
  await publish(server, names('old', 3))
  await until('the forward to have all', () => heard('old-2') > 0)
  await done(server, 'backup', 'copy')
  await publish(server, names('lost', 3))
  await until('the forward to have those too', () => heard('lost-2') > 0)
  await server.kill('SIGTERM')
  await done(server, 'restore', 'copy', '--replace')
  await server.start()
  await publish(server, names('new', 8))
  await until('the forward to have all that is new', () => names('new', 8).every((data) => heard(data) > 0))
  expect(names('old', 3).every((data) => heard(data) >= 1)).toBe(true)
})

test('backups one after the other while events come in: each is whole up to a place, and no publish is refused', async () => {
  const server = await serve()
  let going = true
  const refused: number[] = []
  const publishing = Promise.all(
    names('p', 8).map(async (topic) => {
      for (let number = 0; going; number++) {
        const { status } = await fetch(`${server.url}/events/${topic}`, { method: 'POST', body: String(number) })
        if (status !== 201) refused.push(status)
      }
    }),
  )
  for (const copy of ['one', 'two', 'three']) {
    const { events, cursor } = await done(server, 'backup', copy)
    expect(Number(cursor.split('.')[1])).toBe(events)
  }
  going = false
  await publishing
  expect(refused).toEqual([])
  await server.kill('SIGTERM')
  const { events } = await done(server, 'restore', 'two', '--replace')
  await server.start()
  const data = await historyOf(server.url, 'earliest')
  expect(data).toHaveLength(events)
  for (const topic of names('p', 8)) {
    const own = data.filter((event) => event.topic === topic).map((event) => event.data)
    expect(own).toEqual(own.map((_, index) => index))
  }
})

test('kill -9 at every rename and sync of a restore: the hub then has the old log or the new one, whole', async () => {
  const server = await serve()
  await publish(server, names('backup', 3))
  await done(server, 'backup', 'copy')
  await publish(server, names('later', 2))
  await server.kill('SIGTERM')
  const [old, restored] = [[...names('backup', 3), ...names('later', 2)], names('backup', 3)]
  const seen = new Set<string>()
  let finished = 0
  for (const call of ['rename', 'fsync,fdatasync']) {
    for (let number = 1; ; number++) {
      const kill = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`]
      const inject = ['-e', `inject=${call}:signal=KILL:when=${number}`]
      const { exitCode } = await log(server, ['restore', 'copy', '--replace'], [...kill, ...inject])
      await server.start()
      const events = await kept(server)
      expect([old, restored]).toContainEqual(events)
      seen.add(events.length === old.length ? 'old' : 'new')
      if (exitCode === 0) finished++
      // Back to where it was, with what was in the way put aside by the first of them.
      await publish(server, events.length === old.length ? [] : names('later', 2))
      await server.kill('SIGTERM')
      if (exitCode === 0) break
    }
  }
  expect(finished).toBe(2)
  expect([...seen].sort()).toEqual(['new', 'old'])
  expect(server.output).toContain('A restore that was cut off is now at its end; what was there before is in ')
}, 240_000)

test('export and import carry a log to another hub: the same topics, types, times and texts of data, in the same order', async () => {
  const server = await serve()
  const exact = '{"n": 12345678901234567890.10,\n "s": "é"}'
  await publish(server, [exact, 'plain text', '"a string"', 'null'], 'x/y')
  await fetch(`${server.url}/events`, {
    method: 'POST',
    body: JSON.stringify({ topic: 'b', type: 'order.paid', id: 'paid-1', time: '2020-01-01T00:00:00Z', data: [1] }),
    headers: { 'content-type': 'application/json' },
  })
  const { stdout: running } = await log(server, ['export'])
  const other = await serve()
  await other.kill('SIGTERM')
  const file = join(dirname(other.dataDir), 'events.ndjson')
  writeFileSync(file, running)
  expect(await done(other, 'import', file)).toMatchObject({ events: 5, duplicates: 0 })
  expect(await done(other, 'import', file)).toMatchObject({ events: 4, duplicates: 1 })
  await other.start()
  const { stdout: back } = await log(other, ['export'])
  const without = (line: string) => line.replace(/"id":"evt_[^"]*",/, '').replace(/"cursor":"[^"]*",/, '')
  expect(back.split('\n').slice(0, 5).map(without)).toEqual(running.trimEnd().split('\n').map(without))
  // A line break between tokens is a space in a line.
  expect(running).toContain('"data":{"n": 12345678901234567890.10,  "s": "é"}}\n')
  // Where it is from, all of it is there already.
  await server.kill('SIGTERM')
  expect(await done(server, 'import', file)).toMatchObject({ events: 0, duplicates: 5 })
})

test('a hub that runs is told of, and what is wrong names what to type', async () => {
  const server = await serve()
  await publish(server, ['x'])
  const where = dirname(server.dataDir)
  writeFileSync(join(where, 'bad.ndjson'), '{"data":1}\n\n{"data":\n')
  await done(server, 'backup', 'copy')
  const restore = await log(server, ['restore', 'copy', '--replace'])
  expect(restore).toMatchObject({ stdout: '', exitCode: 1 })
  expect(restore.stderr).toContain(`is in use by process ${server.pid}`)
  expect(restore.stderr).toEndWith('Try: systemctl stop mcp-sse, then mcp-sse log restore copy\n')
  const running = await log(server, ['import', 'bad.ndjson'])
  expect(running.stderr).toMatch(/^mcp-sse: Line 3: This is not JSON: [^\n]*\nmcp-sse: Nothing was imported.\nTry: /)
  const twice = await log(server, ['backup', 'copy'])
  expect(twice).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('is there already') })
  const file = join(where, 'copy', 'events.db')
  const bytes = readFileSync(file)
  bytes[200_00 % bytes.length] = bytes[200_00 % bytes.length]! ^ 1
  writeFileSync(file, bytes)
  const damaged = await log(server, ['restore', 'copy', '--data-dir', join(where, 'elsewhere')])
  expect(damaged.exitCode).toBe(74)
  mkdirSync(join(where, 'empty'))
  expect(await log(server, ['restore', 'empty'])).toMatchObject({ exitCode: 1 })
  expect(await log(server, ['export', '--since', 'soon'])).toMatchObject({ exitCode: 2 })
})
