import { afterEach, expect, test } from 'bun:test'
import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Executable } from '../support/executable.ts'
import { Follower } from '../support/follower.ts'
import { until } from '../support/until.ts'

const EVENTS = 3_000
const DAMAGE = 100_000

let server: Executable | undefined
afterEach(async () => {
  await server?.remove()
  server = undefined
})

async function publishMany(hub: Executable): Promise<void> {
  const lines = Array.from({ length: EVENTS }, (_, index) =>
    JSON.stringify({ topic: 'a', data: `${index + 1} ${'x'.repeat(2_000)}` }),
  )
  for (let from = 0; from < EVENTS; from += 500) {
    const body = lines.slice(from, from + 500).join('\n')
    const headers = { 'content-type': 'application/x-ndjson' }
    const answer = await fetch(`${hub.url}/events`, { method: 'POST', headers, body })
    expect(answer.status).toBe(201)
  }
}

function damage(path: string): void {
  const file = openSync(path, 'r+')
  const from = statSync(path).size >> 1
  writeSync(file, Buffer.alloc(DAMAGE, 0xa5), 0, DAMAGE, from - (from % 8_192))
  closeSync(file)
}

test('a hub whose disk damaged a stretch of the log says that it is missing, and serves everything else', async () => {
  const hub = await Executable.serve()
  server = hub
  await publishMany(hub)
  await hub.kill('SIGTERM')
  damage(join(hub.dataDir, 'events.db'))
  await hub.start()
  const reader = await Follower.open(`${hub.url}/events?since=earliest`)
  await until('the newest event', () => reader.events.at(-1)?.data.startsWith(`${EVENTS} `))
  const numbers = reader.events.map(({ data }) => Number.parseInt(data, 10))
  const missing = Array.from({ length: EVENTS }, (_, index) => index + 1).filter((number) => !numbers.includes(number))
  expect(missing.length).toBeWithin(20, 200)
  expect(missing.at(-1)! - missing[0]!).toBe(missing.length - 1)
  expect(new Set(numbers).size).toBe(numbers.length)
  expect(reader.control('$gap')).toMatchObject([{ reason: 'expired' }])
  const place = reader.messages.findIndex(({ event }) => event === '$gap')
  expect(reader.messages[place - 1]!.data).toStartWith(`${missing[0]! - 1} `)
  expect(reader.messages[place + 1]!.data).toStartWith(`${missing.at(-1)! + 1} `)
  const page = await fetch(`${hub.url}/events?format=json&limit=1000&since=${reader.messages[place - 1]!.id}`)
  const { truncated, events } = (await page.json()) as { truncated: boolean; events: { data: string }[] }
  expect([truncated, Number.parseInt(events[0]!.data, 10)]).toEqual([true, missing.at(-1)! + 1])
  expect((await fetch(`${hub.url}/events/a`, { method: 'POST', body: 'after' })).status).toBe(201)
  await until('what is published now', () => reader.events.at(-1)?.data === 'after')
  expect(reader.ended).toBe('no')
  expect((await fetch(`${hub.url}/readyz`)).status).toBe(200)
  expect(hub.output).toMatch(
    /The event log is damaged: what lies at the offsets \d+ to \d+ cannot be read\. Restore a backup/,
  )
  reader.stop()
})
