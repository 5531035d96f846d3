import { join } from 'node:path'
import { answerCalls } from '../worker/worker-end.ts'
import { EVENTS_FILE } from './directory.ts'
import type { ReaderCalls } from './messages.ts'
import { Reader } from './reader.ts'
import { damaged } from './sqlite-error.ts'

let reader: Reader | undefined

/** A page that cannot be read ends no hub: whoever asks for what lies on it is refused, and others are not. */
function asked<T>(read: (reader: Reader) => T): T {
  try {
    return read(reader!)
  } catch (error) {
    throw damaged(error)
  }
}

answerCalls<ReaderCalls>('event log', {
  open: ({ directory }) => {
    reader = new Reader(join(directory, EVENTS_FILE))
    return null
  },
  read: ({ after, upTo, filter, limit }) => asked((reader) => reader.read(after, upTo, filter, limit)),
  readLast: ({ before, filter, limit }) => asked((reader) => reader.readLast(before, filter, limit)),
  at: ({ offset }) => asked((reader) => reader.at(offset)),
  seek: ({ time, upTo }) => asked((reader) => reader.seek(time, upTo)),
  topics: ({ filter, after, limit }) => asked((reader) => reader.topics(filter, after, limit)),
  close: () => reader?.close() ?? null,
})
