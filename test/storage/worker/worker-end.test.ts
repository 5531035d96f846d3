import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { HubError } from '../../../src/core/errors.ts'
import { RetentionGroups } from '../../../src/storage/retention.ts'
import { SCHEMA } from '../../../src/storage/sqlite/schema.ts'
import { TopicTable } from '../../../src/storage/sqlite/topic-table.ts'
import { toFailure } from '../../../src/storage/worker/worker-end.ts'
import { logOptions } from '../../support/log-options.ts'

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown.')
}

test.each<[string, () => unknown]>([
  ['SQLite', () => new Database(':memory:').run('SELECT * FROM absent')],
  ['the file system', () => readFileSync('/absent/file')],
])('an error of %s is a failure of the log', (_, run) => {
  const error = thrownBy(run) as Error
  expect(toFailure(error, 'event log')).toEqual({
    code: 'log-failed',
    message: expect.stringContaining(error.message),
    stack: error.stack!,
  })
})

test.each<[string, () => unknown]>([
  ['a TypeError', () => (undefined as unknown as { name: string }).name],
  ['a TypeError of the runtime, which has a code,', () => readFileSync({} as string)],
])('%s is a mistake of the program, whose stack is kept', (_, run) => {
  const error = thrownBy(run) as Error
  expect(toFailure(error, 'event log')).toMatchObject({ code: 'internal', stack: error.stack! })
})

test('a refusal passes as it is', () => {
  expect(toFailure(new HubError('disk-full', 'No room.'), 'event log')).toEqual({
    code: 'disk-full',
    message: 'No room.',
  })
})

test('an event whose topic is not there is damage, not an event of a topic without a name', () => {
  const database = new Database(':memory:')
  database.run(SCHEMA)
  const topics = new TopicTable(database, new RetentionGroups(logOptions().retention))
  expect(() => topics.byId(7)).toThrow(expect.objectContaining({ code: 'SQLITE_CORRUPT' }))
  expect(topics.byId(topics.findOrCreate('a').id).name).toBe('a')
  database.close()
})
