import { join } from 'node:path'
import { isUnwritable, unwritable } from '../sqlite/directory.ts'
import { corrupt } from '../sqlite/file-header.ts'
import { isCorrupt } from '../sqlite/sqlite-error.ts'
import { answerCalls } from '../worker/worker-end.ts'
import { OUTLETS_FILE, type OutletCalls } from './messages.ts'
import { OUTLET_STORE } from './open-database.ts'
import { OutletWriter } from './outlet-writer.ts'

let writer: OutletWriter | undefined

answerCalls<OutletCalls>('webhook store', {
  open: ({ directory }) => {
    writer = open(directory)
    return writer.opened
  },
  commit: (ask) => writer!.commit(ask),
  close: () => writer?.close() ?? null,
})

function open(directory: string): OutletWriter {
  try {
    return new OutletWriter(directory)
  } catch (error) {
    if (isUnwritable(error)) throw unwritable(directory, error)
    throw isCorrupt(error) ? corrupt(join(directory, OUTLETS_FILE), OUTLET_STORE.what, error) : error
  }
}
