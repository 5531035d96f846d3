import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HubError } from '../../../src/core/errors.ts'
import { parseFilter } from '../../../src/core/filter.ts'
import { openLog } from '../../../src/storage/open.ts'
import { APPLICATION_ID, FORMAT, FORMAT_0 } from '../../../src/storage/sqlite/schema.ts'
import { draftOf } from '../../support/draft.ts'
import { type LogChoices, logOptions } from '../../support/log-options.ts'
import { appendingProcess } from '../../support/log-process.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

const everything = parseFilter([], [])
const roomy = { events: 1_000, bytes: 1 << 20 }

test('a directory of another process is refused with its number, and free as soon as that is killed', async () => {
  using directory = tempDir()
  const child = appendingProcess(directory.path)
  await until('the other process to open the log', () => child.lines.length > 3)
  const error = await refusal(directory.path)
  expect(error.code).toBe('log-locked')
  expect(error.message).toContain(`process ${child.pid}`)
  await child.kill()
  const log = await openLog(logOptions({ directory: directory.path }))
  await log.close()
})

test('a directory that this process has open is refused, and free after close', async () => {
  using directory = tempDir()
  const log = await openLog(logOptions({ directory: directory.path }))
  expect((await refusal(directory.path)).code).toBe('log-locked')
  await log.close()
  await (await openLog(logOptions({ directory: directory.path }))).close()
})

test('files and a directory that were made are for their owner only', async () => {
  using parent = tempDir()
  const directory = join(parent.path, 'deep', 'data')
  const log = await openLog(logOptions({ directory }))
  await log.append([draftOf('a')])
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  const files = readdirSync(directory)
  expect(files).toContain('events.db')
  for (const file of files) expect([file, statSync(join(directory, file)).mode & 0o077]).toEqual([file, 0])
  await log.close()
  expect(readdirSync(directory).sort()).toEqual(['events.db', 'lock', 'lock.pid'])
})

test.each<[string, (path: string) => void]>([
  ['text', (path) => writeFileSync(path, 'not a database at all, but long enough to be one'.repeat(100))],
  ['a few bytes', (path) => writeFileSync(path, 'SQLite')],
  ['cut off', (path) => truncateSync(path, statSync(path).size - 8_192)],
  ['cut off within a page', (path) => truncateSync(path, statSync(path).size - 100)],
  ['overwritten at its start', (path) => overwrite(path, 0, 64)],
  ['overwritten in its schema', (path) => overwrite(path, 100, 8_000)],
  ['overwritten in its events', (path) => overwrite(path, 8_192, statSync(path).size - 8_192)],
  ['another program’s database', (path) => makeDatabase(path, 1, 'CREATE TABLE t (x)')],
])('a database that is %s stops the start and is left as it is', async (_, damage) => {
  using directory = tempDir()
  await fill(directory.path)
  const path = join(directory.path, 'events.db')
  damage(path)
  const before = readFileSync(path)
  const error = await refusal(directory.path)
  expect([error.code, error.message]).toEqual(['log-corrupt', expect.stringContaining(path)])
  expect(readFileSync(path).equals(before)).toBe(true)
})

test('a database of a newer format stops the start and is left as it is', async () => {
  using directory = tempDir()
  await fill(directory.path)
  const path = join(directory.path, 'events.db')
  const database = new Database(path)
  database.run(`PRAGMA user_version = ${FORMAT + 1}`)
  database.run('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
  const before = readFileSync(path)
  const error = await refusal(directory.path)
  expect([error.code, error.message]).toEqual(['log-newer', expect.stringContaining(`format ${FORMAT + 1}`)])
  expect(readFileSync(path).equals(before)).toBe(true)
})

test('a database of an older format is kept as a backup and brought up to date', async () => {
  using directory = tempDir()
  const path = join(directory.path, 'events.db')
  makeDatabase(
    path,
    APPLICATION_ID,
    `${FORMAT_0}
     INSERT INTO topics VALUES (1, 'a'), (2, 'gone'), (3, 'b');
     INSERT INTO generations VALUES (1, 'aaaaaaaa');
     INSERT INTO events VALUES (4, 1, 1000, 10, 0, 'message', 'x', NULL, '1'), (5, 3, 2000, 20, 1, 'message', NULL, NULL, 'two'),
       (6, 1, 3000, 30, 0, 'message', NULL, NULL, '3');`,
  )
  const warnings: string[] = []
  const choices: LogChoices = { directory: directory.path, warn: (message) => warnings.push(message) }
  const log = await openLog(logOptions({ ...choices, retention: { maxAgeMs: 1e15 } }))
  expect(warnings).toEqual([expect.stringContaining('events.db.v0.bak')])
  expect((await log.topics(everything, undefined, 10)).topics).toEqual([
    { topic: 'a', events: 2, lastOffset: 6, lastReceived: 3_000 },
    { topic: 'b', events: 1, lastOffset: 5, lastReceived: 2_000 },
  ])
  expect((await log.read(0, everything, roomy)).events.map((event) => event.data)).toEqual(['1', 'two', '3'])
  expect((await log.append([draftOf('a', '1', { id: 'x' }), draftOf('a')])).map((receipt) => receipt.offset)).toEqual([
    4, 7,
  ])
  await log.close()
  const backup = new Database(`${path}.v0.bak`, { readonly: true })
  expect(backup.query('SELECT count(*) AS n FROM events').get()).toEqual({ n: 3 })
  expect(backup.query('PRAGMA user_version').get()).toEqual({ user_version: 0 })
  backup.close()
  const again = await openLog(logOptions(choices))
  expect(warnings.length).toBe(1)
  await again.close()
})

test.each<[string, (parent: string) => string]>([
  ['below a file', (parent) => join(parent, 'file', 'data')],
  ['a file', (parent) => join(parent, 'file')],
  ['where nobody may write', () => '/proc/mcp-sse-data'],
])('a data directory that is %s is refused as unwritable', async (_, choose) => {
  using parent = tempDir()
  writeFileSync(join(parent.path, 'file'), '')
  const path = choose(parent.path)
  const error = await refusal(path)
  expect([error.code, error.message]).toEqual(['log-unwritable', expect.stringContaining(path)])
})

test.skipIf(process.getuid?.() === 0)('a directory without write permission is refused as unwritable', async () => {
  using parent = tempDir()
  const path = join(parent.path, 'data')
  mkdirSync(path)
  chmodSync(path, 0o500)
  expect((await refusal(path)).code).toBe('log-unwritable')
  chmodSync(path, 0o700)
})

async function fill(directory: string): Promise<void> {
  const log = await openLog(logOptions({ directory }))
  for (let index = 0; index < 5; index++) {
    await log.append(
      Array.from({ length: 100 }, () => draftOf('a', `"${'x'.repeat(200)}"`, { id: crypto.randomUUID() })),
    )
  }
  await log.close()
}

function overwrite(path: string, at: number, length: number): void {
  const bytes = readFileSync(path)
  bytes.fill(0xa5, at, at + length)
  writeFileSync(path, bytes)
}

function makeDatabase(path: string, applicationId: number, sql: string): void {
  writeFileSync(path, '')
  const database = new Database(path)
  database.run(sql)
  database.run(`PRAGMA application_id = ${applicationId}`)
  database.close()
}

async function refusal(directory: string): Promise<HubError> {
  return openLog(logOptions({ directory })).then(
    async (log) => {
      await log.close()
      throw new Error('The log opened.')
    },
    (error) => error,
  )
}
