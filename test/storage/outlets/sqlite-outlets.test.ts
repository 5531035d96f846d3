import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import {
  chmodSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { HubError } from '../../../src/core/errors.ts'
import { openLog, openOutlets, outletsExist } from '../../../src/storage/open.ts'
import { FORMAT } from '../../../src/storage/outlets/schema.ts'
import { MAX_WAITING } from '../../../src/storage/outlets/sqlite-outlets.ts'
import { changeOf, deliveryOf, outletOf } from '../../contract/outlet-store.ts'
import { logOptions } from '../../support/log-options.ts'
import { outletProcess } from '../../support/log-process.ts'
import { canMount, smallDisk } from '../../support/small-disk.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

const warnings: string[] = []
const open = (directory: string) =>
  openOutlets({ durability: 'full', directory, warn: (warning) => warnings.push(warning) })

test('what a killed process was told to be stored is there, and nothing that was removed', async () => {
  using directory = tempDir()
  const put = new Set<string>()
  const recorded = new Map<string, number>()
  const removed = new Set<string>()
  for (let round = 1; round <= 3; round++) {
    const child = outletProcess(directory.path)
    await until('some confirmed changes', () => child.lines.length > 60 * round, 60_000)
    await child.kill()
    expect(child.lines[0]).toBe('open')
    for (const line of child.lines.slice(1)) {
      const [what, id, offset] = line.split(' ') as [string, string, string]
      if (what === 'put') put.add(id)
      else if (what === 'recorded') recorded.set(id, Number(offset))
      else removed.add(id)
    }
  }
  const store = await open(directory.path)
  const there = new Map(store.outlets.map((outlet) => [outlet.id, outlet]))
  // The last one of a lane may be gone before that was said.
  const missing = [...put].filter((id) => !there.has(id) && !removed.has(id))
  expect(missing.filter((id) => put.has(id.replace(/\d+$/, (n) => String(Number(n) + 1))))).toEqual([])
  expect(missing.length).toBeLessThanOrEqual(12)
  for (const id of removed) expect(there.has(id)).toBe(false)
  for (const [id, offset] of recorded) {
    const outlet = there.get(id)
    if (outlet) expect([outlet.progress, outlet.waiting]).toEqual([`"${id}"`, [deliveryOf(offset)]])
  }
  expect(recorded.size).toBeGreaterThan(100)
  await store.close()
}, 200_000)

test('thousands of changes asked for at once share a few transactions', async () => {
  using directory = tempDir()
  const store = await open(directory.path)
  await Promise.all(Array.from({ length: 5_000 }, (_, n) => store.put(outletOf(`sub_${n}`))))
  expect(transactionsIn(join(directory.path, 'webhooks.db-wal'))).toBeWithin(1, 20)
  await store.close()
  const again = await open(directory.path)
  expect(again.outlets).toHaveLength(5_000)
  await again.close()
})

test('what waits for the disk is bounded: one call too many is refused, and later ones are taken again', async () => {
  using directory = tempDir()
  const store = await open(directory.path)
  const asked = Array.from({ length: MAX_WAITING }, () => store.record([]))
  expect(await store.put(outletOf('sub_a')).catch((error: HubError) => [error.code, error.retryAfterMs])).toEqual([
    'overloaded',
    1_000,
  ])
  await Promise.all(asked)
  await store.put(outletOf('sub_a'))
  await store.close()
})

test('its files are for their owner only, beside those of the event log, whose lock it does without', async () => {
  using directory = tempDir()
  const log = await openLog(logOptions({ directory: directory.path }))
  expect(outletsExist(directory.path)).toBe(false)
  const store = await open(directory.path)
  await store.put(outletOf('sub_a'))
  const files = readdirSync(directory.path)
  expect(files).toEqual(expect.arrayContaining(['webhooks.db', 'webhooks.db-wal', 'webhooks.db-shm']))
  for (const file of files) expect([file, statSync(join(directory.path, file)).mode & 0o077]).toEqual([file, 0])
  await store.close()
  await log.close()
  expect(readdirSync(directory.path).sort()).toEqual(['events.db', 'lock', 'lock.pid', 'webhooks.db'])
  expect(outletsExist(directory.path)).toBe(true)
})

test('a file that others could read is closed to them, which is said', async () => {
  using directory = tempDir()
  await fill(directory.path)
  const path = join(directory.path, 'webhooks.db')
  chmodSync(path, 0o644)
  warnings.length = 0
  await (await open(directory.path)).close()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(warnings).toEqual([expect.stringContaining(`${path} could be read by others`)])
  await (await open(directory.path)).close()
  expect(warnings).toHaveLength(1)
})

test('what was removed is nowhere in its files any more, what waited for it included', async () => {
  using directory = tempDir()
  const store = await open(directory.path)
  await store.put(outletOf('sub_a', { definition: `{"url":"https://removed.example/${'x'.repeat(20_000)}"}` }))
  await store.put(outletOf('sub_b'))
  await store.record([changeOf('sub_a', { waiting: [deliveryOf(4, { cursor: 'removed.cursor' })] })])
  await store.remove(['sub_a'])
  await store.close()
  const bytes = readFileSync(join(directory.path, 'webhooks.db'))
  const found = ['removed.example', 'xxxxxxxx', 'removed.cursor', 'sub_b'].filter((text) => bytes.includes(text))
  expect(found).toEqual(['sub_b'])
})

test.each<[string, (path: string) => void]>([
  ['text', (path) => writeFileSync(path, 'not a database at all, but long enough to be one'.repeat(100))],
  ['a few bytes', (path) => writeFileSync(path, 'SQLite')],
  ['cut off', (path) => truncateSync(path, statSync(path).size - 4_096)],
  ['overwritten in its schema', (path) => overwrite(path, 100, 3_900)],
  ['overwritten in what it holds', (path) => overwrite(path, 4_096, statSync(path).size - 4_096)],
  ['an event log', (path) => copyFileSync(join(path, '..', 'events.db'), path)],
])('a store that is %s is refused by name and left as it is', async (_, damage) => {
  using directory = tempDir()
  const log = await openLog(logOptions({ directory: directory.path }))
  await log.close()
  await fill(directory.path)
  const path = join(directory.path, 'webhooks.db')
  damage(path)
  chmodSync(path, 0o600)
  const before = readFileSync(path)
  const error = await refusal(directory.path)
  expect([error.code, error.message]).toEqual([
    'log-corrupt',
    expect.stringContaining(`${path} is damaged or not a webhook store of mcp-sse`),
  ])
  expect(readFileSync(path).equals(before)).toBe(true)
})

test('a store of a newer format is refused by name and left as it is', async () => {
  using directory = tempDir()
  await fill(directory.path)
  const path = join(directory.path, 'webhooks.db')
  const database = new Database(path)
  database.run(`PRAGMA user_version = ${FORMAT + 1}`)
  database.run('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
  const before = readFileSync(path)
  const error = await refusal(directory.path)
  expect([error.code, error.message]).toEqual([
    'log-newer',
    expect.stringContaining(`${path} has format ${FORMAT + 1}`),
  ])
  expect(readFileSync(path).equals(before)).toBe(true)
})

test('a directory that cannot be written to is refused with its name', async () => {
  expect(await refusal('/proc/mcp-sse-data')).toMatchObject({ code: 'log-unwritable' })
})

test('an I/O error ends the store: nothing is promised after it, and what was promised before is there', async () => {
  using directory = tempDir()
  const child = outletProcess(directory.path, 512)
  await child.ended()
  const end = ['ended log-failed log-failed log-failed log-failed', 'then log-failed', 'closed']
  expect(child.lines.slice(-3)).toEqual(end)
  const of = (what: string) =>
    child.lines.filter((line) => line.startsWith(`${what} `)).map((line) => line.split(' ')[1]!)
  const removed = new Set(of('removed'))
  const store = await open(directory.path)
  const there = new Set(store.outlets.map(({ id }) => id))
  const kept = of('put').filter((id) => !removed.has(id))
  expect(kept.length).toBeGreaterThan(20)
  expect(kept.filter((id) => !there.has(id))).toEqual([])
  await store.close()
}, 200_000)

test.skipIf(!canMount())('a full disk refuses what does not fit, and takes more when there is room', async () => {
  using disk = smallDisk()!
  const ballast = join(disk.path, 'ballast')
  writeFileSync(ballast, 'x'.repeat(1 << 20))
  const store = await open(disk.path)
  let stored = 0
  let refused: HubError | undefined
  while (!refused && stored < 10_000) {
    await store.put(outletOf(`sub_${stored}`, { definition: `"${'x'.repeat(10_000)}"` })).then(
      () => stored++,
      (error: HubError) => {
        refused = error
      },
    )
  }
  expect(refused?.code).toBe('disk-full')
  expect(stored).toBeGreaterThan(10)
  rmSync(ballast)
  await store.record([changeOf('sub_0', { waiting: [deliveryOf(4)] })])
  await store.close()
  const again = await open(disk.path)
  expect(again.outlets).toHaveLength(stored)
  expect(again.outlets[0]?.waiting).toEqual([deliveryOf(4)])
  await again.close()
})

/** Of those that are still in a write-ahead log: the last frame of each says how large the database is after it. */
function transactionsIn(path: string): number {
  const wal = readFileSync(path)
  const frameBytes = 24 + wal.readUInt32BE(8)
  let count = 0
  for (let frame = 32; frame + frameBytes <= wal.length; frame += frameBytes) {
    if (wal.readUInt32BE(frame + 4) > 0) count++
  }
  return count
}

async function fill(directory: string): Promise<void> {
  const store = await open(directory)
  await Promise.all(
    Array.from({ length: 100 }, (_, n) => store.put(outletOf(`sub_${n}`, { definition: `"${'x'.repeat(500)}"` }))),
  )
  await store.record([changeOf('sub_1', { waiting: [1, 2, 3].map((offset) => deliveryOf(offset)) })])
  await store.verify({ principal: 'a', url: 'https://a.example/', at: 1 })
  await store.close()
}

function overwrite(path: string, at: number, length: number): void {
  const bytes = readFileSync(path)
  bytes.fill(0xa5, at, at + length)
  writeFileSync(path, bytes)
}

async function refusal(directory: string): Promise<HubError> {
  return open(directory).then(
    async (store) => {
      await store.close()
      throw new Error('The store opened.')
    },
    (error) => error,
  )
}
