import { MAX_DATA_BYTES } from '../../core/draft.ts'
import { errorCodes } from '../../core/errors.ts'
import { MAX_ID_BYTES } from '../../core/event-id.ts'
import { DEFAULT_TYPE, MAX_TYPE_LENGTH } from '../../core/event-type.ts'
import { DEFAULT_TOPIC, MAX_TOPIC_BYTES } from '../../core/topic.ts'
import { failures } from '../../webhooks/outbound/outcome.ts'
import { MAX_BATCH_EVENTS } from '../publish/publication.ts'
import { OUTLET_KINDS, OUTLET_STATES } from '../webhooks.ts'

export type JsonObject = { readonly [name: string]: unknown }

const topic = {
  type: 'string',
  minLength: 1,
  maxLength: MAX_TOPIC_BYTES,
  description: 'Segments separated by "/". No control characters, white space or "*"; not starting with "$".',
  examples: ['orders/42'],
}
const type = {
  type: 'string',
  minLength: 1,
  maxLength: MAX_TYPE_LENGTH,
  description: 'Printable, without white space; not starting with "$"; not "error" or "open".',
  examples: ['order.paid'],
}
const id = {
  type: 'string',
  minLength: 1,
  maxLength: MAX_ID_BYTES,
  description: 'Unique per topic within retention. "evt_" starts the ids the hub makes.',
}
const time = { type: 'string', format: 'date-time' }
const cursor = {
  type: 'string',
  description: 'A place in the log: "epoch.offset".',
  examples: ['k3f9a2b7.1042'],
}
const moment = { type: ['string', 'null'], format: 'date-time' }
const category = { enum: [...failures, null], description: 'Why it was not taken.' }
const amount = (description: string) => ({ type: 'integer', minimum: 0, description })

const outlet = {
  id: { type: 'string', examples: ['forward:chat'], description: 'sub_… of a webhook, forward:<name> of a forward.' },
  kind: { enum: OUTLET_KINDS },
  state: {
    enum: OUTLET_STATES,
    description: 'suspended: it has failed for long, and is tried now and then. disabled: an operator did it.',
  },
  principal: { type: 'string', description: 'Who subscribed; of a forward "config".' },
  wants: { type: 'string', description: 'The event type; of a forward its patterns.' },
  url: { type: 'string', description: 'Its origin alone: paths of callbacks are as good as a password.' },
  expires: { ...moment, description: 'null: it does not end by itself.' },
  cursor: { ...cursor, description: 'Everything up to here was taken or given up.' },
  behind: amount('Events of the log after the cursor, wanted or not.'),
  waiting: amount('Tried, and to be tried again.'),
  delivered: amount('Taken.'),
  abandoned: amount('Given up.'),
  lastDelivery: moment,
  lastError: category,
  failedSince: moment,
}
const connection = {
  id: { type: 'string', description: 'As $open names it.' },
  kind: { enum: ['sse', 'ndjson', 'mcp'] },
  principal: { type: 'string' },
  address: { type: ['string', 'null'], description: 'As limits count it. null: they do not.' },
  topics: { type: 'array', items: { type: 'string' }, description: 'What it may read of what it asked for.' },
  types: { type: 'array', items: { type: 'string' }, description: 'None: every type.' },
  state: { enum: ['live', 'catching-up', 'messages'], description: 'messages: it carries messages of MCP.' },
  since: time,
  cursor: {
    ...cursor,
    type: ['string', 'null'],
    description: 'All that matches up to here was taken; null of messages.',
  },
  behind: {
    type: ['integer', 'null'],
    minimum: 0,
    description: 'Events of the log after the cursor; null of messages.',
  },
  queuedBytes: amount('Of events, or messages, that wait for it.'),
}
const attempt = {
  time,
  message: { type: 'string', description: 'The webhook-id.' },
  attempt: { type: 'integer', minimum: 1 },
  status: { type: ['integer', 'null'], description: 'null: there was no answer.' },
  error: category,
  ms: { type: 'number' },
}

/** JSON Schema 2020-12, as OpenAPI 3.1 takes it. */
export const schemas = {
  EventObject: object(
    { topic: { ...topic, default: DEFAULT_TOPIC }, type: { ...type, default: DEFAULT_TYPE }, id, time, data: data() },
    ['data'],
    { additionalProperties: false },
  ),
  EventObjects: { type: 'array', minItems: 1, maxItems: MAX_BATCH_EVENTS, items: ref('EventObject') },
  CloudEvent: object(
    {
      specversion: { const: '1.0' },
      id: { type: 'string', minLength: 1 },
      source: { type: 'string', minLength: 1 },
      type,
      subject: { type: 'string' },
      time,
      data: data(),
      data_base64: { type: 'string', contentEncoding: 'base64', description: 'Of UTF-8 text or JSON.' },
    },
    ['specversion', 'id', 'source', 'type'],
  ),
  Event: object({ id, cursor, topic, type, time, data: data() }, ['id', 'cursor', 'topic', 'type', 'time', 'data']),
  Published: object(
    {
      id,
      cursor,
      topic,
      type,
      time,
      duplicate: { const: true, description: 'It was there already; the other fields are the first one’s.' },
    },
    ['id', 'cursor', 'topic', 'type', 'time'],
  ),
  PublishedBatch: object({ events: { type: 'array', items: ref('Published') }, cursor }, ['events', 'cursor']),
  History: object(
    {
      events: { type: 'array', items: ref('Event'), description: 'Oldest first.' },
      cursor: { ...cursor, description: 'Go on with since=<cursor>.' },
      hasMore: { type: 'boolean' },
      truncated: { type: 'boolean', description: 'Events between the start that was asked for and here are gone.' },
    },
    ['events', 'cursor', 'hasMore', 'truncated'],
  ),
  Topics: object(
    {
      topics: {
        type: 'array',
        items: object({ topic, events: { type: 'integer', minimum: 1 }, lastCursor: cursor, lastTime: time }, [
          'topic',
          'events',
          'lastCursor',
          'lastTime',
        ]),
      },
      next: { type: 'string', description: 'Opaque: the page parameter of the next request.' },
    },
    ['topics'],
  ),
  Grants: object(
    {
      publish: patterns('May be published to.'),
      subscribe: patterns('May be read.'),
      types: { type: 'array', items: { type: 'string' }, description: 'Only these may be read; none: every type.' },
      admin: { type: 'boolean', description: 'Erasing, and webhooks.' },
      metrics: { type: 'boolean', description: 'Reading /metrics; admin may too. Not there: no.' },
    },
    ['publish', 'subscribe', 'admin'],
  ),
  Identity: object(
    {
      principal: { type: 'string', examples: ['key:ci', 'sub:alice', 'local', 'anonymous'] },
      grants: ref('Grants'),
      expires: { type: ['string', 'null'], format: 'date-time' },
      mode: { enum: ['open', 'credentials'] },
    },
    ['principal', 'grants', 'expires', 'mode'],
  ),
  TicketRequest: object(
    {
      topics: { ...patterns('Default: everything the asker may read.'), minItems: 1 },
      types: { type: 'array', minItems: 1, items: { type: 'string' } },
      sub: { type: 'string', description: 'Whom limits count; API keys may name their users.' },
      ttl: {
        oneOf: [{ type: 'number' }, { type: 'string', examples: ['10m'] }],
        description: 'Seconds or a duration, at most 12h and never past the credential of the asker; default 1h.',
      },
    },
    [],
    { additionalProperties: false },
  ),
  Ticket: object({ ticket: { type: 'string' }, url: { type: 'string', format: 'uri' }, expires: time }, [
    'ticket',
    'url',
    'expires',
  ]),
  Connections: object(
    {
      connections: { type: 'array', items: object(connection, Object.keys(connection)), description: 'Oldest first.' },
      next: { type: 'string', description: 'Opaque: the page parameter of the next request.' },
    },
    ['connections'],
  ),
  Outlets: object(
    {
      webhooks: { type: 'array', items: object(outlet, Object.keys(outlet)), description: 'By id.' },
      next: { type: 'string', description: 'Opaque: the page parameter of the next request.' },
    },
    ['webhooks'],
  ),
  Outlet: object(
    {
      ...outlet,
      arguments: { type: 'object', description: 'Of the subscription.' },
      attempts: {
        type: 'array',
        items: object(attempt, Object.keys(attempt)),
        description: 'The newest last, since the hub was started.',
      },
      abandonedCursors: { type: 'array', items: cursor, description: 'The newest last.' },
    },
    [...Object.keys(outlet), 'arguments', 'attempts', 'abandonedCursors'],
  ),
  Redelivery: {
    oneOf: [
      object({ event: { ...cursor, description: 'This one.' } }, ['event'], { additionalProperties: false }),
      object({ after: { ...cursor, description: 'Everything after it.' } }, ['after'], { additionalProperties: false }),
    ],
  },
  Readiness: object({ status: { enum: ['ready', 'draining', 'failed'] } }, ['status']),
  Problem: object(
    {
      type: { const: 'about:blank' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: { enum: errorCodes, description: 'Stable.' },
      detail: { type: 'string', description: 'What is wrong and what to do.' },
      pointer: { type: 'string', description: 'RFC 6901 pointer to what was refused; lines of NDJSON count from 1.' },
      request: {
        type: 'string',
        description: 'What the log of the server calls this request, as X-Request-Id of the answer.',
      },
    },
    ['type', 'title', 'status', 'code', 'detail'],
    { description: 'RFC 9457.' },
  ),
} as const satisfies Record<string, JsonObject>

export function ref(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` }
}

function object(properties: JsonObject, required: readonly string[], more: JsonObject = {}): JsonObject {
  return { type: 'object', properties, required, ...more }
}

function patterns(description: string): JsonObject {
  return { type: 'array', items: { type: 'string' }, description, examples: [['orders/*']] }
}

function data(): JsonObject {
  return { description: `Any JSON value, at most ${MAX_DATA_BYTES} bytes as JSON, nested at most 64 deep.` }
}
