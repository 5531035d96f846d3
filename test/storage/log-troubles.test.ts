import { expect, test } from 'bun:test'
import { HubError } from '../../src/core/errors.ts'
import { MemoryStore } from '../../src/storage/memory/memory-store.ts'
import { RetainedLog } from '../../src/storage/retained-log.ts'
import { RetentionGroups } from '../../src/storage/retention.ts'
import { draftOf } from '../support/draft.ts'
import { logOptions } from '../support/log-options.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { rejection } from '../support/settled.ts'

test('a full disk that refuses commit after commit is a line in ten seconds, with how many there were', async () => {
  const clock = new ManualClock()
  const { retention, pending } = logOptions()
  const groups = new RetentionGroups(retention)
  const store = new MemoryStore(groups)
  const lines: string[] = []
  const log = new RetainedLog({ store, groups, pending, clock, warn: (line) => void lines.push(line) })
  const refuse = (code: 'disk-full' | 'overloaded') => {
    store.commit = () => Promise.reject(new HubError(code, `It is ${code}.`))
    return rejection(log.append([draftOf('a')]))
  }
  for (let commit = 0; commit < 20; commit++) expect(await refuse('disk-full')).toMatchObject({ code: 'disk-full' })
  expect(lines).toEqual(['It is disk-full.'])
  await refuse('overloaded')
  expect(lines.splice(0)).toEqual(['It is disk-full.', 'It is overloaded.'])
  clock.pass(9_999)
  await refuse('disk-full')
  expect(lines).toEqual([])
  clock.pass(1)
  await refuse('disk-full')
  await refuse('disk-full')
  expect(lines).toEqual(['It is disk-full. (And 20 times more since the last line.)'])
})
