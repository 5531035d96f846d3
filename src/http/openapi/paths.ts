import { MAX_LAST } from '../../core/start.ts'
import { CONNECTIONS_LIMIT, MAX_CONNECTIONS_LIMIT } from '../connections.ts'
import { HISTORY_LIMIT, MAX_HISTORY_LIMIT } from '../history.ts'
import { MAX_TOPICS_LIMIT, TOPICS_LIMIT } from '../topics.ts'
import { mcpPaths } from './mcp-paths.ts'
import {
  BY_HEADER,
  header,
  json,
  operation,
  type Paths,
  PUBLIC,
  path,
  problems,
  query,
  RAW_PUBLISHING,
  READING,
} from './operation.ts'
import { type JsonObject, ref } from './schemas.ts'
import { webhookPaths } from './webhook-paths.ts'

const ANY_BODY = { required: true, content: { '*/*': { schema: {}, example: 'backup failed' } } }

const eventBodies = {
  required: true,
  content: {
    'application/json': { schema: { oneOf: [ref('EventObject'), ref('EventObjects')] } },
    'application/x-ndjson': { schema: { type: 'string', description: 'One EventObject a line.' } },
    'application/cloudevents+json': { schema: ref('CloudEvent') },
    'application/cloudevents-batch+json': { schema: { type: 'array', items: ref('CloudEvent') } },
  },
}

const idempotencyKey = header('Idempotency-Key', 'Stands for the id of a single event.')

const readParameters = [
  query('type', 'Only these types: exact, or a prefix such as order.*', { type: 'array', items: { type: 'string' } }),
  header('Last-Event-ID', 'Go on after this cursor. Comes before every other start.'),
  query('last_event_id', 'The same for clients that cannot send headers; also lastEventId, lastEventID.'),
  query('since', 'now, earliest, a cursor, an RFC 3339 time or a duration such as 10m.'),
  query('last', 'Begin with the newest N.', { type: 'integer', minimum: 1, maximum: MAX_LAST }),
  query('format', 'Default sse, or what Accept asks for.', { enum: ['sse', 'ndjson', 'json'] }),
  query('limit', 'Of a page of history (format=json).', limit(HISTORY_LIMIT, MAX_HISTORY_LIMIT)),
  query('envelope', 'SSE without event:, data: is the whole event.', { enum: ['0', '1'] }),
  query('control', '0: no control events.', { enum: ['0', '1'] }),
  query('heartbeat', 'Heartbeats as $heartbeat events instead of comments.', { enum: ['comment', 'event'] }),
]

const readAnswers = {
  200: {
    description: 'A live stream, or a page of history.',
    content: {
      'text/event-stream': { schema: { type: 'string' } },
      'application/x-ndjson': { schema: { type: 'string', description: 'One Event a line.' } },
      'application/json': { schema: ref('History') },
    },
  },
  ...problems(400, 401, 503),
}

const readyAnswers = {
  200: json('It takes events and streams.', ref('Readiness')),
  503: json('It is stopping or has failed.', ref('Readiness')),
}

/** Every route there is. */
export const paths: Paths = {
  '/': { get: operation('The page: live tail and publish form.', { 200: { description: 'HTML.' } }, PUBLIC) },
  '/client.js': {
    get: operation('The module with which a page follows the hub.', { 200: { description: 'JavaScript.' } }, PUBLIC),
  },
  '/events': {
    get: operation('Stream events, or read a page of history.', readAnswers, {
      ...READING,
      parameters: [
        query('topic', 'Patterns: exact, * for one segment, a final ** for any.', {
          type: 'array',
          items: { type: 'string' },
        }),
        ...readParameters,
      ],
    }),
    post: operation('Publish event objects, one or many, all or nothing.', publishAnswers(true), {
      ...BY_HEADER,
      parameters: [idempotencyKey, query('topic', 'Only for CloudEvents: the topic instead of source and subject.')],
      requestBody: eventBodies,
    }),
  },
  '/events/{topic}': {
    get: operation('The same with the pattern in the path.', readAnswers, {
      ...READING,
      parameters: [path('topic', 'A pattern; slashes stay as they are.'), ...readParameters],
    }),
    post: operation('Publish: the body is the data. Valid JSON is JSON, all else text.', publishAnswers(false), {
      ...RAW_PUBLISHING,
      parameters: [
        path('topic', 'Slashes stay as they are; %2F is one too.'),
        query('type', 'Else X-GitHub-Event, X-Gitlab-Event or X-Event-Key, else message.'),
        query('id', 'Publishing the same topic, id, type and data again stores nothing.'),
        idempotencyKey,
      ],
      requestBody: ANY_BODY,
    }),
    delete: operation('Erase one event; the path ends in its cursor. Needs admin.', eraseAnswers(), {
      ...BY_HEADER,
      parameters: [path('topic', 'The cursor of the event.')],
    }),
  },
  '/topics': {
    get: operation(
      'List the topics that have events and that one may read.',
      { 200: json('A page.', ref('Topics')), ...problems(400, 401, 503) },
      {
        ...BY_HEADER,
        parameters: [
          query('pattern', 'Only topics that match one of them.', { type: 'array', items: { type: 'string' } }),
          query('limit', 'Topics a page.', limit(TOPICS_LIMIT, MAX_TOPICS_LIMIT)),
          query('page', 'The next of the page before.'),
        ],
      },
    ),
  },
  '/topics/{topic}': {
    delete: operation('Erase all events of a topic. Needs admin.', eraseAnswers(), {
      ...BY_HEADER,
      parameters: [path('topic', 'Exact.')],
    }),
  },
  '/whoami': {
    get: operation(
      'Who asks, and what they may do.',
      { 200: json('The principal.', ref('Identity')), ...problems(400, 401, 503) },
      BY_HEADER,
    ),
  },
  '/tickets': {
    post: operation(
      'A ticket: what an EventSource, which cannot send headers, shows instead.',
      { 201: json('Good for reading and nothing else.', ref('Ticket')), ...problems(400, 401, 408, 413, 415, 503) },
      { ...BY_HEADER, requestBody: { content: { 'application/json': { schema: ref('TicketRequest') } } } },
    ),
  },
  '/connections': {
    get: operation(
      'List open streams: who reads, and how far behind. Needs admin.',
      { 200: json('A page.', ref('Connections')), ...problems(400, 401, 503) },
      {
        ...BY_HEADER,
        parameters: [
          query('limit', 'Entries a page.', limit(CONNECTIONS_LIMIT, MAX_CONNECTIONS_LIMIT)),
          query('page', 'The next of the page before.'),
        ],
      },
    ),
  },
  '/connections/{id}': {
    delete: operation(
      'End a stream, which is told why. Needs admin.',
      { 204: { description: 'It was ended.' }, ...problems(400, 401, 404, 503) },
      { ...BY_HEADER, parameters: [path('id', 'As the list, or the stream’s $open, has it.')] },
    ),
  },
  ...webhookPaths,
  '/livez': { get: operation('The process answers.', { 200: { description: 'ok' } }, PUBLIC) },
  '/readyz': { get: operation('Whether it takes events and streams.', readyAnswers, PUBLIC) },
  '/healthz': { get: operation('The same as /readyz.', readyAnswers, PUBLIC) },
  '/metrics': {
    get: operation(
      'Numbers for Prometheus. Needs admin, or a key with metrics.',
      {
        200: {
          description: 'Text-based exposition format 0.0.4; docs/metrics.md has every name.',
          content: { 'text/plain': { schema: { type: 'string' } } },
        },
        ...problems(400, 401, 503),
      },
      BY_HEADER,
    ),
  },
  ...mcpPaths,
  '/openapi.json': { get: operation('This document.', { 200: { description: 'OpenAPI 3.1.' } }, PUBLIC) },
}

function publishAnswers(batch: boolean): JsonObject {
  const schema = batch ? { oneOf: [ref('Published'), ref('PublishedBatch')] } : ref('Published')
  return {
    200: json('Everything was there already.', schema),
    201: json('Stored, and durable.', schema),
    ...problems(400, 401, 408, 409, 413, 415, 429, 503, 507),
  }
}

function eraseAnswers(): JsonObject {
  return { 204: { description: 'Gone.' }, ...problems(400, 401, 404, 503) }
}

function limit(standard: number, most: number): JsonObject {
  return { type: 'integer', minimum: 1, maximum: most, default: standard }
}
