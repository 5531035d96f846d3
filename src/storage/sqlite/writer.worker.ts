import { join } from 'node:path'
import { EVENTS_FILE, isUnwritable, unwritable } from './directory.ts'
import type { WriterCalls, WriterOptions } from './messages.ts'
import { corrupt } from './open-database.ts'
import { isCorrupt } from './sqlite-error.ts'
import { answerCalls, tellRemoved } from './worker-end.ts'
import { Writer } from './writer.ts'

let writer: Writer | undefined

answerCalls<WriterCalls>({
  open: (options) => {
    writer = open(options)
    return writer.opened
  },
  commit: (ask) => writer!.commit(ask),
  trim: ({ now }) => writer!.trim(now),
  erase: (what) => writer!.erase(what),
  close: () => writer?.close() ?? null,
})

function open(options: WriterOptions): Writer {
  try {
    return new Writer(options, tellRemoved)
  } catch (error) {
    if (isUnwritable(error)) throw unwritable(options.directory, error)
    throw isCorrupt(error) ? corrupt(join(options.directory, EVENTS_FILE), error) : error
  }
}
