import { expect, test } from 'bun:test'
import type { HubError } from '../../../src/core/errors.ts'
import type { ReaderCalls } from '../../../src/storage/sqlite/messages.ts'
import { WorkerLink } from '../../../src/storage/worker/worker-link.ts'

test('a mistake in a worker arrives as one, says where in the worker it was made, and leaves the link usable', async () => {
  const link = new WorkerLink<ReaderCalls>({ path: 'sqlite/reader', keeps: 'The event log' })
  const failures: HubError[] = []
  link.onFailed = (error) => void failures.push(error)
  // Nothing was opened.
  const error = await link.call('at', { offset: 1 }).then(
    () => undefined,
    (error: HubError) => error,
  )
  expect(error?.code).toBe('internal')
  expect(error?.stack).toContain('reader.worker.ts')
  expect(await link.call('close', null)).toBeNull()
  expect(failures).toEqual([])
  link.end()
})
