import { HubError } from '../../core/errors.ts'
import { publicationFromJson } from './json.ts'
import type { Publication } from './publication.ts'

/**
 * A body on `/events` that does not say what it is (`curl -d` says it is a form). A JSON object is read as one event;
 * for all else the sender meant a topic's route, and is shown it. `origin` is how the sender reached this server.
 * @throws HubError `invalid-body` and those of `publicationFromJson`
 */
export function publicationFromUntyped(text: string, origin: string): Publication {
  if (/^[ \t\r\n]*\{/.test(text)) return publicationFromJson(text)
  throw new HubError(
    'invalid-body',
    `This route takes event objects; to publish a body as the data, name a topic: curl -d 'backup failed' ${origin}/events/my/topic`,
  )
}
