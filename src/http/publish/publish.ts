import { Elysia } from 'elysia'
import { draftFromBody } from '../../core/draft.ts'
import { HubError } from '../../core/errors.ts'
import type { Draft } from '../../core/event.ts'
import { requireId } from '../../core/event-id.ts'
import type { Hub } from '../../core/hub.ts'
import { requireTopic } from '../../core/topic.ts'
import { type BodyLimit, batchLimit, readBody } from '../body.ts'
import type { BodyRoom } from '../body-room.ts'
import { type MediaType, mediaTypeOf } from '../media-type.ts'
import { parametersOf, single } from '../parameters.ts'
import { publishedBatch, publishedOne } from './answer.ts'
import { draftFromCloudEvent, draftFromCloudEventHeaders } from './cloud-events.ts'
import { parseJson, publicationFromArray, publicationFromJson } from './json.ts'
import { publicationFromNdjson } from './ndjson.ts'
import { type Publication, relocated } from './publication.ts'
import { idOf, rawAddress } from './raw.ts'
import { publicationFromUntyped } from './untyped.ts'

export interface PublishOptions {
  hub: Pick<Hub, 'admit' | 'publish'>
  /** Shared by all routes that read bodies. */
  bodies: BodyRoom
  /** For a body to be complete, milliseconds. */
  bodyTimeoutMs: number
}

/** Data has at most 252 KiB as JSON (`core/draft.ts`); the body that stands for it may have a little more white space. */
const rawLimit: BodyLimit = {
  bytes: 256 * 1024,
  code: 'event-too-large',
  message: 'A body that is one event has at most 256 KiB; publish a link to larger things.',
}

const CLOUD_EVENTS = /^application\/cloudevents(-batch)?\+json$/

type ReadPublication = (text: string) => Publication

/** The data's path starts here: `POST /events` takes event objects, `POST /events/{topic}` a body that is the data. */
export function publish(options: PublishOptions): Elysia {
  const app = new Elysia({ name: 'http/publish' })
  app.post('/events', ({ request }) => publishObjects(request, options), { parse: 'none' })
  app.post('/events/*', ({ request }) => publishRaw(request, options), { parse: 'none' })
  return app
}

function publishRaw(request: Request, options: PublishOptions): Promise<Response> {
  const address = rawAddress(request)
  return publishBody(request, options, mediaTypeOf(request), rawLimit, (body) =>
    one(draftFromBody({ ...address, time: null, body })),
  )
}

function publishObjects(request: Request, options: PublishOptions): Promise<Response> {
  const media = mediaTypeOf(request)
  const read = readerFor(request, media)
  return publishBody(request, options, media, batchLimit, (text) => withIdempotencyKey(request, read(text)))
}

async function publishBody(
  request: Request,
  { hub, bodies, bodyTimeoutMs }: PublishOptions,
  media: MediaType,
  limit: BodyLimit,
  read: ReadPublication,
): Promise<Response> {
  const admit = (bytes: number): (() => void) => {
    hub.admit(bytes)
    return bodies.hold(bytes)
  }
  const body = await readBody(request, { limit, media, timeoutMs: bodyTimeoutMs, admit })
  let publication: Publication
  let appended: ReturnType<Hub['publish']>
  try {
    publication = read(body.text)
    appended = hub.publish(publication.drafts)
  } finally {
    body.release()
  }
  try {
    const receipts = await appended
    return publication.place ? publishedBatch(receipts) : publishedOne(receipts[0]!)
  } catch (error) {
    throw relocated(error, publication)
  }
}

/** Which kind of body `POST /events` has. Everything the headers and the query can get wrong is refused here. */
function readerFor(request: Request, media: MediaType): ReadPublication {
  const cloud = CLOUD_EVENTS.test(media.name) || request.headers.has('ce-specversion')
  const parameters = parametersOf(request, cloud ? ['topic'] : [])
  const asked = single(parameters, 'topic')
  const topic = asked === undefined ? undefined : requireTopic(asked)
  switch (media.name) {
    case 'application/cloudevents+json':
      return (text) => one(draftFromCloudEvent(parseJson(text), topic))
    case 'application/cloudevents-batch+json':
      return (text) => publicationFromArray(requireArray(parseJson(text)), (value) => draftFromCloudEvent(value, topic))
  }
  const untyped: ReadPublication = (text) => publicationFromUntyped(text, new URL(request.url).origin)
  if (cloud) return (text) => one(draftFromCloudEventHeaders(request.headers, text, topic))
  switch (media.name) {
    case 'application/json':
      return publicationFromJson
    case 'application/x-ndjson':
    case 'application/ndjson':
    case 'application/jsonl':
      return publicationFromNdjson
    case '':
    case 'application/x-www-form-urlencoded':
    case 'multipart/form-data':
      return untyped
  }
  if (media.name.startsWith('text/')) return untyped
  throw new HubError(
    'unsupported-content-type',
    'This route takes application/json, application/x-ndjson and application/cloudevents+json; POST /events/{topic} takes any body.',
  )
}

function one(draft: Draft): Publication {
  return { drafts: [draft], place: undefined }
}

function withIdempotencyKey(request: Request, publication: Publication): Publication {
  if (!request.headers.has('idempotency-key')) return publication
  const [draft] = publication.drafts
  if (publication.place || !draft) {
    throw new HubError('invalid-id', 'An Idempotency-Key names one event; give each event of a batch its own id.', {
      pointer: '/id',
    })
  }
  const id = requireId(idOf(request, draft.id) ?? '')
  if (id === draft.id) return publication
  return one({ ...draft, id, bytes: draft.bytes + Buffer.byteLength(id) })
}

function requireArray(value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  throw new HubError(
    'invalid-event',
    'A batch of CloudEvents is a JSON array; send one as application/cloudevents+json.',
  )
}
