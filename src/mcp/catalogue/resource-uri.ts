import { HubError } from '../../core/errors.ts'

export const TOPICS_URI = 'events://topics'
export const TOPIC_URI_PREFIX = 'events://topics/'
export const EVENT_URI_PREFIX = 'events://events/'

/** What `{+topic}` does not keep (RFC 6570, 3.2.3): everything but unreserved and reserved characters; `%` is one of it. */
const ESCAPED = /[^A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]+/gu

/** `text` is a topic or a pattern: neither has half a surrogate pair, which has no UTF-8 form. */
export function topicUri(text: string): string {
  return TOPIC_URI_PREFIX + text.replace(ESCAPED, (part) => part.replace(/./gsu, encodeURIComponent))
}

/** The topic or pattern of a URI of `topicUri`, also where a client escaped more of it. @throws HubError `invalid-arguments` */
export function topicOfUri(uri: string): string {
  try {
    return decodeURIComponent(uri.slice(TOPIC_URI_PREFIX.length))
  } catch (error) {
    throw new HubError(
      'invalid-arguments',
      'This URI has an escape that is none; write a % of a topic as %25, as in events://topics/discount/50%25.',
      { pointer: '/uri', cause: error },
    )
  }
}

export function eventUri(cursor: string): string {
  return EVENT_URI_PREFIX + cursor
}
