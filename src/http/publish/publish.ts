import type { Visitor } from '../../auth/access.ts'
import type { PublishRate } from '../../auth/publish-rate.ts'
import { draftFromBody } from '../../core/draft.ts'
import { HubError } from '../../core/errors.ts'
import type { Draft } from '../../core/event.ts'
import { requireId } from '../../core/event-id.ts'
import { type Grants, mayPublish, requirePublish } from '../../core/grants.ts'
import type { Hub } from '../../core/hub.ts'
import { requireTopic } from '../../core/topic.ts'
import { type BodyLimit, batchLimit, readBody } from '../body.ts'
import type { ByteRoom } from '../byte-room.ts'
import type { Gate } from '../gate.ts'
import { type MediaType, mediaTypeOf } from '../media-type.ts'
import { parametersOf, single } from '../parameters.ts'
import { visited } from '../visitor.ts'
import { publishedBatch, publishedOne } from './answer.ts'
import { draftFromCloudEvent, draftFromCloudEventHeaders } from './cloud-events.ts'
import { parseJson, publicationFromArray, publicationFromJson } from './json.ts'
import { publicationFromNdjson } from './ndjson.ts'
import { type Publication, refusalAt, relocated } from './publication.ts'
import { idOf, rawAddress } from './raw.ts'
import { publicationFromUntyped } from './untyped.ts'

export interface PublishOptions {
  hub: Pick<Hub, 'admission' | 'publish' | 'metrics'>
  gate: Gate
  rate: PublishRate
  bodies: ByteRoom
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
export function publish(options: PublishOptions) {
  return visited('http/publish')
    .post('/events', ({ request, visitor }) => counted(publishObjects, { request, visitor }, options), {
      parse: 'none',
    })
    .post('/events/*', ({ request, visitor }) => counted(publishRaw, { request, visitor }, options), { parse: 'none' })
}

/** Who publishes with which request. */
interface Publisher {
  request: Request
  visitor: Visitor
  /** When the last byte of the body was there, monotonic milliseconds. */
  arrivedAt?: number
}

type Publish = (publisher: Publisher, options: PublishOptions) => Promise<Response>

/** With how long it took, or why it was refused, in the metrics. How fast a body arrives is its sender's doing. */
async function counted(publish: Publish, publisher: Publisher, options: PublishOptions): Promise<Response> {
  const { publishing, publishRefusals } = options.hub.metrics
  try {
    const response = await publish(publisher, options)
    if (publisher.arrivedAt !== undefined) publishing.observe((performance.now() - publisher.arrivedAt) / 1000)
    return response
  } catch (error) {
    publishRefusals.add(error instanceof HubError ? error.code : 'internal')
    throw error
  }
}

function publishRaw(publisher: Publisher, options: PublishOptions): Promise<Response> {
  const address = rawAddress(publisher.request)
  requirePublish(publisher.visitor.principal.grants, address.topic)
  return publishBody(publisher, options, mediaTypeOf(publisher.request), rawLimit, (body) =>
    one(draftFromBody({ ...address, time: null, body })),
  )
}

function publishObjects(publisher: Publisher, options: PublishOptions): Promise<Response> {
  const { request, visitor } = publisher
  const media = mediaTypeOf(request)
  const read = readerFor(request, media)
  requireAnyPublish(visitor.principal.grants)
  return publishBody(publisher, options, media, batchLimit, (text) => withIdempotencyKey(request, read(text)))
}

async function publishBody(
  publisher: Publisher,
  { hub, gate, rate, bodies, bodyTimeoutMs }: PublishOptions,
  media: MediaType,
  limit: BodyLimit,
  read: ReadPublication,
): Promise<Response> {
  const { request, visitor } = publisher
  rate.require(visitor.principal)
  const holding = bodies.holding(visitor.principal)
  const admit = (bytes: number): void => hub.admission.admit(bytes)
  const body = await readBody(request, { limit, media, timeoutMs: bodyTimeoutMs, holding, admit })
  publisher.arrivedAt = performance.now()
  let publication: Publication
  let appended: ReturnType<Hub['publish']>
  try {
    const known = gate.again(request, visitor)
    const { principal } = known instanceof Promise ? await known : known
    publication = read(body.text)
    requireEveryTopic(publication, principal.grants)
    rate.take(principal, publication.drafts.length)
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

/** Whoever may publish nowhere is told before the body is read. @throws HubError `forbidden` */
function requireAnyPublish({ publish: granted }: Grants): void {
  if (granted.length > 0) return
  throw new HubError('forbidden', 'This credential may not publish; use one that has a grant for it.')
}

/** All or nothing, and it says which one. @throws HubError `forbidden` */
function requireEveryTopic({ drafts, place }: Publication, grants: Grants): void {
  for (const [index, { topic }] of drafts.entries()) {
    if (mayPublish(grants, topic)) continue
    try {
      requirePublish(grants, topic)
    } catch (error) {
      throw place ? refusalAt(place(index), error) : error
    }
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
