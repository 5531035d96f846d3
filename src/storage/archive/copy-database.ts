import { closeSync, fdatasync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { HubError } from '../../core/errors.ts'
import { WorkerLink } from '../worker/worker-link.ts'
import type { CopyCalls } from './copy.worker.ts'
import { asOwnerOf } from './owner.ts'

/**
 * What is copied is written to the disk in portions of this much time. With one write at the end the commits of a hub
 * beside it waited 130 ms for their own (240 MB, ext4); with this 25 to 40 ms.
 */
const SYNC_MS = 10

const sync = promisify(fdatasync)

/**
 * Copies one state of a database that others may write to, into a new file that is its owner's alone; on the disk before
 * this resolves. It is read as who owns the directory it is in, and written as who asks. The state is held for that long, and the -wal file of the database cannot shrink while it is.
 * @throws HubError `disk-full`, `overloaded`, `log-failed`, and `log-closed` when it is interrupted
 */
export async function copyDatabase(from: string, to: string, interrupted: AbortSignal): Promise<void> {
  // SQLite takes an empty file for a new one, and keeps its mode.
  const file = openSync(to, 'wx', 0o600)
  const worker = new WorkerLink<CopyCalls>({ path: 'archive/copy', keeps: 'The backup' })
  try {
    await asOwnerOf(dirname(from), () => worker.call('open', { from }))
    const copied = worker.call('copy', { to })
    let ended = false
    const end = () => {
      ended = true
    }
    copied.then(end, end)
    while (!ended) {
      requireUninterrupted(interrupted)
      await Promise.race([copied, Bun.sleep(SYNC_MS)])
      await sync(file)
    }
    await copied
    await sync(file)
  } finally {
    worker.end()
    closeSync(file)
  }
}

/** @throws HubError `log-closed` */
export function requireUninterrupted(interrupted: AbortSignal): void {
  if (interrupted.aborted) throw new HubError('log-closed', 'The backup was interrupted, and nothing of it is left.')
}
