import { expect, test } from 'bun:test'
import { HubError } from '../../src/core/errors.ts'
import { parseFilter } from '../../src/core/filter.ts'
import { MemoryStore } from '../../src/storage/memory/memory-store.ts'
import { RetainedLog } from '../../src/storage/retained-log.ts'
import { RetentionGroups } from '../../src/storage/retention.ts'
import { draftOf } from '../support/draft.ts'
import { logOptions } from '../support/log-options.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

type Verb = 'commit' | 'read' | 'readLast' | 'at' | 'seek' | 'topics' | 'erase' | 'trim'

const everything = parseFilter([], [])
const roomy = { events: 10, bytes: 1_000 }

async function logWith(verb: Verb, error: unknown) {
  const clock = new ManualClock()
  const { retention, pending } = logOptions()
  const groups = new RetentionGroups(retention)
  const store = new MemoryStore(groups)
  const warnings: string[] = []
  const failures: string[] = []
  const log = new RetainedLog({ store, groups, pending, clock, warn: (message) => void warnings.push(message) })
  log.onFailure(({ code }) => void failures.push(code))
  await log.append([draftOf('a')])
  let asked = 0
  const refuse = () => {
    asked++
    return Promise.reject(error)
  }
  Object.assign(store, { [verb]: refuse })
  return { log, clock, warnings, failures, asked: () => asked }
}

const calls: [Verb, (log: RetainedLog) => Promise<unknown>][] = [
  ['read', (log) => log.read(0, everything, roomy)],
  ['readLast', (log) => log.readLast(2, everything, roomy)],
  ['at', (log) => log.at(1)],
  ['seek', (log) => log.seek(0)],
  ['topics', (log) => log.topics(everything, undefined, 10)],
  ['erase', (log) => log.erase({ offset: 1 })],
  ['trim', (log) => log.trim()],
]
const codeOf = (promise: Promise<unknown>) => promise.then(String, (error: HubError) => error.code)

test.each(calls)('a disk that fails %s fails the log, once', async (verb, call) => {
  const { log, failures } = await logWith(verb, new HubError('log-failed', 'The disk is gone.'))
  expect(await codeOf(Promise.all([call(log), call(log)]))).toBe('log-failed')
  await new Promise(setImmediate)
  expect(failures).toEqual(['log-failed'])
  expect(await codeOf(log.append([draftOf('a')]))).toBe('log-failed')
})

test.each(['internal', 'overloaded', 'log-closed', 'disk-full'] as const)(
  'an erase refused with %s fails nothing',
  async (code) => {
    const { log, failures } = await logWith('erase', new HubError(code, 'Not now.'))
    expect(await codeOf(log.erase({ offset: 1 }))).toBe(code)
    expect(failures).toEqual([])
    expect((await log.append([draftOf('a')]))[0]!.offset).toBe(2)
  },
)

test.each([
  ['log-closed', [], []],
  ['disk-full', ['Retention did not run: Not now.'], []],
  ['internal', ['Retention did not run: Not now.'], []],
  ['log-failed', [], ['log-failed']],
] as const)('retention by time that meets %s says so', async (code, warned, failed) => {
  const { clock, warnings, failures, asked } = await logWith('trim', new HubError(code, 'Not now.'))
  clock.pass(15_000)
  await until('retention to have run', () => asked() === 1)
  await new Promise(setImmediate)
  expect<readonly string[]>(warnings).toEqual(warned)
  expect<readonly string[]>(failures).toEqual(failed)
})

test('a mistake in the store is told to its publisher as such, and the log ends with log-failed', async () => {
  const { log, failures } = await logWith('commit', new HubError('internal', 'A mistake.'))
  expect(await codeOf(log.append([draftOf('a')]))).toBe('internal')
  await new Promise(setImmediate)
  expect(failures).toEqual(['log-failed'])
  expect(await codeOf(log.append([draftOf('a')]))).toBe('log-failed')
})
