import { isLoopbackName, parseHost } from '../../src/auth/host.ts'
import { parseCursor, requireCursor } from '../../src/core/cursor.ts'
import { draftFrom, draftFromBody } from '../../src/core/draft.ts'
import { parseDuration } from '../../src/core/duration.ts'
import type { Draft } from '../../src/core/event.ts'
import { requireId } from '../../src/core/event-id.ts'
import { requireTime } from '../../src/core/event-time.ts'
import { parseTypeFilter, requireType } from '../../src/core/event-type.ts'
import { parseFilter } from '../../src/core/filter.ts'
import { narrowFilter, parseGrants } from '../../src/core/grants.ts'
import { covers, matchesTopic, parsePattern } from '../../src/core/pattern.ts'
import { parseStart } from '../../src/core/start.ts'
import { checkTopic, requireTopic } from '../../src/core/topic.ts'
import { mediaTypeOf } from '../../src/http/media-type.ts'
import { parametersOf, pathTail } from '../../src/http/parameters.ts'
import { draftFromCloudEvent, draftFromCloudEventHeaders } from '../../src/http/publish/cloud-events.ts'
import { parseJson, publicationFromJson } from '../../src/http/publish/json.ts'
import { publicationFromNdjson } from '../../src/http/publish/ndjson.ts'
import type { Publication } from '../../src/http/publish/publication.ts'
import { rawAddress } from '../../src/http/publish/raw.ts'
import { publicationFromUntyped } from '../../src/http/publish/untyped.ts'
import { streamQuery, switches } from '../../src/http/stream-query.ts'
import type { Parser } from './parser.ts'
import { bodyOf, headersOf, requestOf } from './wire.ts'

const EVENT =
  '{"topic":"orders/42","type":"order.paid","data":{"total":99,"lines":[1,2]},"id":"a","time":"2026-11-22T12:00:00.000Z"}'
const CLOUD_EVENT =
  '{"specversion":"1.0","id":"A234","source":"/shop","type":"order.paid","subject":"42","time":"2026-11-22T12:00:00Z","data":{"a":1}}'
const BASE64_EVENT =
  '{"specversion":"1.0","id":"A","source":"urn:shop","type":"order.paid","datacontenttype":"text/plain","data_base64":"aGFsbG8="}'
const CURSOR = 'k3f9a2b7.1042'
const NOW = 1_800_000_000_000

/** Whatever is published can be stored, framed and matched. */
function isDraft({ topic, type, data, id, bytes, isText }: Draft): boolean {
  return (
    checkTopic(topic) === undefined &&
    !/[\r\n\0]/.test(type + (id ?? '')) &&
    data.isWellFormed() &&
    bytes > 0 &&
    (isText || JSON.parse(data) !== undefined) &&
    !('polluted' in {})
  )
}

function isPublication(result: unknown): boolean {
  const { drafts } = result as Publication
  return drafts.length > 0 && drafts.every(isDraft)
}

/** What a request says before it is known who sent it, and all that it publishes or asks for. */
export const parsers: readonly Parser[] = [
  {
    name: 'event JSON',
    samples: [[EVENT], [`[${EVENT},{"data":"x"}]`], ['{"data":"text \\u00e9 \\ud83d\\ude00"}']],
    read: (text) => publicationFromJson(text),
    holds: isPublication,
  },
  {
    name: 'event NDJSON',
    samples: [[`${EVENT}\n\n{"data":1}\r\n{"data":null,"topic":"a"}`]],
    read: publicationFromNdjson,
    holds: isPublication,
  },
  {
    name: 'event of no stated kind',
    samples: [
      [EVENT, 'http://localhost:3000'],
      ['backup failed', 'http://localhost:3000'],
    ],
    read: (text) => publicationFromUntyped(bodyOf(text), 'http://localhost:3000'),
    holds: isPublication,
  },
  {
    name: 'event object with odd values',
    samples: [
      ['data', '1'],
      ['topic', '"a"'],
      ['type', '"b"'],
      ['id', '"c"'],
      ['time', '"2026-11-22T12:00:00Z"'],
    ],
    read: (field, value) => draftFrom({ data: 1, [field]: parseJson(value) }),
    holds: (result) => isDraft(result as Draft),
  },
  {
    name: 'CloudEvent, structured',
    samples: [
      [CLOUD_EVENT, ''],
      [CLOUD_EVENT, 'asked/topic'],
      [BASE64_EVENT, ''],
    ],
    read: (text, topic) => draftFromCloudEvent(parseJson(text), topic === '' ? undefined : requireTopic(topic)),
    holds: (result) => isDraft(result as Draft),
  },
  {
    name: 'CloudEvents, batch',
    samples: [[`[${CLOUD_EVENT},${BASE64_EVENT}]`]],
    read: (text) => publicationFromJson(text, (value) => draftFromCloudEvent(value, undefined)),
    holds: isPublication,
  },
  {
    name: 'CloudEvent, binary',
    samples: [['1.0', 'A234', '/shop', 'order.paid', '42', '2026-11-22T12:00:00Z', '{"a":1}']],
    read: (specversion, id, source, type, subject, time, body) => {
      const attributes = { specversion, id, source, type, subject, time }
      const headers = Object.entries(attributes).map(([name, value]) => `ce-${name}: ${value}`)
      return draftFromCloudEventHeaders(headersOf(headers.join('\r\n')), bodyOf(body), undefined)
    },
    holds: (result) => isDraft(result as Draft),
  },
  {
    name: 'raw body with its path, query and headers',
    samples: [
      ['/events/cron/backup?type=run.ok&id=a', 'x-github-event: push', 'backup failed'],
      ['/events/a%2Fb/%C3%A9', 'x-gitlab-event: Merge Request Hook\r\nidempotency-key: k', '{"a":[1,2]}'],
    ],
    read: (path, headers, body) => {
      const address = rawAddress(requestOf(`/events/${path.replace(/^\/events\//, '')}`, headers, 'POST'))
      return draftFromBody({ ...address, time: null, body: bodyOf(body) })
    },
    holds: (result) => isDraft(result as Draft),
  },
  {
    name: 'query and headers of a stream',
    samples: [
      [
        '/events?topic=orders%2F**&topic=a/*&type=order.*&since=10m&envelope=1&heartbeat=event',
        'accept: text/event-stream',
      ],
      ['/events/orders/*?last=10&control=0', `last-event-id: ${CURSOR}`],
      ['/events?format=json&limit=100&since=earliest&last_event_id=k3f9a2b7.1', 'accept: application/json;q=0.5, */*'],
      ['/events?since=2026-11-22T12:00:00%2B01:00&format=ndjson', ''],
    ],
    read: (path, headers) => {
      const request = requestOf(path, headers)
      const pattern = path.startsWith('/events/') ? pathTail(request, '/events/', 'invalid-pattern') : undefined
      const query = streamQuery(request, pattern, NOW)
      return query.kind === 'json' ? query : { ...query, switches: switches(query.parameters) }
    },
  },
  {
    name: 'query of any route',
    samples: [['/topics?pattern=a/**&limit=10&page=abc'], ['/?a=b;c=%20+&__proto__=1']],
    read: (path) => parametersOf(requestOf(path, ''), ['pattern', 'limit', 'page']),
  },
  {
    name: 'percent-encoded path',
    samples: [['/events/a%2Fb/%C3%A9%20'], ['/topics/%F0%9F%98%80/x']],
    read: (path) => pathTail(requestOf(path, ''), '/events/', 'invalid-topic'),
    holds: (result) => typeof result === 'string' && result.isWellFormed(),
  },
  {
    name: 'Content-Type',
    samples: [['application/json; charset=utf-8'], ['text/plain;charset="iso-8859-1"; a=b']],
    read: (type) => mediaTypeOf(requestOf('/events', `content-type: ${type}`)),
  },
  {
    name: 'topic',
    samples: [['orders/42'], ['https://shop.example/orders/42'], ['ü/\u{1f600}']],
    read: (topic) => requireTopic(topic),
  },
  {
    name: 'pattern against a topic',
    samples: [
      ['orders/*/lines/**', 'orders/42/lines/1'],
      ['**', 'a'],
      ['*/*/*', '//'],
    ],
    read: (text, topic) => {
      const pattern = parsePattern(text)
      // Whatever is an exact topic matches itself and is covered by everything.
      if (checkTopic(topic) === undefined && matchesTopic(pattern, topic) && !covers(pattern, parsePattern(topic))) {
        throw new Error('The pattern matches a topic that it does not cover.')
      }
      return pattern
    },
  },
  {
    name: 'type, and filter of types',
    samples: [['order.paid'], ['order.*'], ['*']],
    read: (text) => [parseTypeFilter(text), requireType(text)],
  },
  { name: 'event id', samples: [['order-1'], ['source#id']], read: (text) => requireId(text) },
  {
    name: 'time',
    samples: [['2026-11-22T12:00:00.123Z'], ['2026-02-28t23:59:59+14:00']],
    read: (text) => requireTime(text),
    holds: (result) => !Number.isNaN(Date.parse(String(result))),
  },
  {
    name: 'cursor',
    samples: [[CURSOR], ['a.0']],
    read: (text) => [parseCursor(text), requireCursor(text)],
  },
  {
    name: 'where to start',
    samples: [
      [CURSOR, '', ''],
      ['', '10m', ''],
      ['', '2026-11-22T12:00:00 01:00', ''],
      ['', 'earliest', ''],
      ['', '', '100'],
    ],
    read: (lastEventId, since, last) => parseStart({ lastEventId, since, last, now: NOW }),
  },
  {
    name: 'duration',
    samples: [['1.5h'], ['500ms']],
    read: parseDuration,
    holds: (result) => result === undefined || (Number.isSafeInteger(result) && Number(result) >= 0),
  },
  {
    name: 'filter, narrowed to grants',
    samples: [
      ['a/*', 'b/**', 'order.*', 'a/b', '**', '*'],
      ['x/*/y', '*/y/*', 'a', 'x/**', '*/**', 'order.paid'],
    ],
    read: (first, second, type, granted, also, grantedType) => {
      const grants = parseGrants({ subscribe: [granted, also], types: [grantedType] })
      const narrowed = narrowFilter(parseFilter([first, second], [type]), grants)
      if (!narrowed.patterns.every((pattern) => grants.subscribe.some((wide) => covers(wide, pattern)))) {
        throw new Error('A filter was narrowed to more than is granted.')
      }
      return narrowed
    },
  },
  {
    name: 'Host',
    samples: [['localhost:3000'], ['[::1]:3000'], ['hub.example'], ['127.0.0.1']],
    read: (text) => parseHost(headersOf(`host: ${text}`).get('host')),
    holds: (result) => result === undefined || isLoopbackName((result as { name: string }).name) !== undefined,
  },
]
