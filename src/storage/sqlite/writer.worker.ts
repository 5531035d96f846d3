import { join } from 'node:path'
import { answerCalls, tellNews } from '../worker/worker-end.ts'
import { EVENTS_FILE, isUnwritable, unwritable } from './directory.ts'
import { corrupt } from './file-header.ts'
import type { WriterCalls, WriterNews, WriterOptions } from './messages.ts'
import { EVENT_LOG } from './open-database.ts'
import { isCorrupt } from './sqlite-error.ts'
import { Writer } from './writer.ts'

let writer: Writer | undefined

answerCalls<WriterCalls>('event log', {
  open: (options) => {
    writer = open(options)
    return writer.opened
  },
  commit: (ask) => writer!.commit(ask),
  probe: () => null,
  retain: (limits) => writer!.retain(limits),
  trim: ({ now }) => writer!.trim(now),
  erase: (what) => writer!.erase(what),
  close: () => writer?.close() ?? null,
})

function open(options: WriterOptions): Writer {
  try {
    return new Writer(options, (removed: WriterNews) => tellNews(removed))
  } catch (error) {
    if (isUnwritable(error)) throw unwritable(options.directory, error)
    throw isCorrupt(error) ? corrupt(join(options.directory, EVENTS_FILE), EVENT_LOG.what, error) : error
  }
}
