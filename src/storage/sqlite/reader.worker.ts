import { join } from 'node:path'
import { answerCalls } from '../worker/worker-end.ts'
import { EVENTS_FILE } from './directory.ts'
import type { ReaderCalls } from './messages.ts'
import { Reader } from './reader.ts'

let reader: Reader | undefined

answerCalls<ReaderCalls>('event log', {
  open: ({ directory }) => {
    reader = new Reader(join(directory, EVENTS_FILE))
    return null
  },
  read: ({ after, upTo, filter, limit }) => reader!.read(after, upTo, filter, limit),
  readLast: ({ before, filter, limit }) => reader!.readLast(before, filter, limit),
  at: ({ offset }) => reader!.at(offset),
  seek: ({ time, upTo }) => reader!.seek(time, upTo),
  topics: ({ filter, after, limit }) => reader!.topics(filter, after, limit),
  close: () => reader?.close() ?? null,
})
