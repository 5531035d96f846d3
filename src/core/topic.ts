import { HubError } from './errors.ts'

export const DEFAULT_TOPIC = 'default'
export const MAX_TOPIC_BYTES = 512

/** Control characters, white space (Unicode's) and `*`; lone surrogates have no UTF-8 form. */
const FORBIDDEN = /[\p{Cc}\p{White_Space}\p{Cs}*]/u

/** What is wrong with `topic`, as a sentence, or `undefined`. */
export function checkTopic(topic: string): string | undefined {
  if (topic === '') return 'a topic has at least one character.'
  if (Buffer.byteLength(topic) > MAX_TOPIC_BYTES) return `a topic has at most ${MAX_TOPIC_BYTES} bytes.`
  if (topic.startsWith('$')) return 'topics that start with $ are reserved.'
  if (FORBIDDEN.test(topic)) return 'a topic has no control characters, no white space and no *.'
  return undefined
}

/** @throws HubError `invalid-topic` */
export function requireTopic(topic: string, pointer = '/topic'): string {
  const refusal = checkTopic(topic)
  if (refusal) throw new HubError('invalid-topic', `This topic is refused: ${refusal}`, { pointer })
  return topic
}
