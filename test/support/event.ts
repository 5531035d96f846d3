import type { StoredEvent } from '../../src/core/event.ts'

/** A stored event of 1,000 bytes' weight or as given; only what a test is about needs saying. */
export function storedEvent(event: Partial<StoredEvent> & { offset: number }): StoredEvent {
  const data = event.data ?? `"${event.offset}"`
  return {
    topic: 'default',
    type: 'message',
    data,
    isText: false,
    id: null,
    time: null,
    bytes: data.length + 20,
    epoch: 'k3f9a2b7',
    received: 1_795_000_000_000 + event.offset,
    ...event,
  }
}
