import type { Draft } from '../../src/core/event.ts'

/** A draft as `draft.ts` would make it; only what a test is about needs saying. */
export function draftOf(topic: string, data = '"x"', more: Partial<Draft> = {}): Draft {
  const type = more.type ?? 'message'
  const bytes = Buffer.byteLength(topic + type + (more.id ?? '') + data)
  return { topic, type, data, isText: false, id: null, time: null, bytes, ...more }
}
