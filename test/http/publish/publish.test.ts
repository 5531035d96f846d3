import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import type { ErrorCode } from '../../../src/core/errors.ts'
import { examples } from '../../support/github.ts'
import { expectProblem } from '../../support/problem.ts'
import { type ServedHub, servedHub } from '../../support/served-hub.ts'

let served: ServedHub
beforeAll(async () => {
  served = await servedHub()
})
afterAll(() => served.close())

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'
const NDJSON = 'application/x-ndjson'
const CLOUD = 'application/cloudevents+json'
const CLOUD_BATCH = 'application/cloudevents-batch+json'

function post(path: string, body: BodyInit | null, type: string = FORM, headers: Record<string, string> = {}) {
  return served.fetch(path, {
    method: 'POST',
    body,
    headers: { ...(type === '' ? {} : { 'content-type': type }), ...headers },
  })
}

async function newest() {
  return (await served.stored()).at(-1)!
}

describe('a body posted to a topic', () => {
  test('is published as curl -d sends it, and answered with where it is', async () => {
    const response = await post('/events/cron/backup', 'backup failed')
    expect(response.status).toBe(201)
    const answer = await response.json()
    const event = await newest()
    expect(event).toMatchObject({ topic: 'cron/backup', type: 'message', data: 'backup failed', isText: true })
    expect(answer).toEqual({
      id: `evt_${event.epoch}_${event.offset}`,
      cursor: `${event.epoch}.${event.offset}`,
      topic: 'cron/backup',
      type: 'message',
      time: new Date(event.received).toISOString(),
    })
  })

  const kept: [
    name: string,
    path: string,
    body: string,
    type: string,
    headers: Record<string, string>,
    event: object,
  ][] = [
    [
      'JSON with its exact text',
      '/events/a',
      '{ "n": 1.10 }\n',
      JSON_TYPE,
      {},
      { data: '{ "n": 1.10 }\n', isText: false },
    ],
    ['JSON that says it is a form', '/events/a', '[1, 2]', FORM, {}, { data: '[1, 2]', isText: false }],
    ['text that says it is JSON', '/events/a', '{oops', JSON_TYPE, {}, { data: '{oops', isText: true }],
    ['a webhook form as text', '/events/a', 'payload=%7B%7D', FORM, {}, { data: 'payload=%7B%7D', isText: true }],
    ['nothing as empty text', '/events/a', '', '', {}, { data: '', isText: true }],
    ['a type and id of the query', '/events/a?type=job.done&id=q1', 'x', '', {}, { type: 'job.done', id: 'q1' }],
    ['empty parameters as absent', '/events/a?type=&id=', 'x', '', {}, { type: 'message', id: null }],
    [
      'the event of GitHub',
      '/events/a',
      '{}',
      JSON_TYPE,
      { 'x-github-event': 'pull_request' },
      { type: 'pull_request' },
    ],
    [
      'the event of GitLab',
      '/events/a',
      '{}',
      JSON_TYPE,
      { 'x-gitlab-event': 'Merge Request Hook' },
      { type: 'Merge_Request_Hook' },
    ],
    ['the event of Bitbucket', '/events/a', '{}', JSON_TYPE, { 'x-event-key': 'repo:push' }, { type: 'repo:push' }],
    [
      'the type of the query before that of a header',
      '/events/a?type=q',
      '{}',
      '',
      { 'x-github-event': 'push' },
      { type: 'q' },
    ],
    ['an Idempotency-Key as id', '/events/a', 'x', '', { 'idempotency-key': 'key-1' }, { id: 'key-1' }],
    [
      'a topic with a percent-encoded slash',
      '/events/a%2Fb/c%20%C3%A4'.replace('%20', ''),
      'x',
      '',
      {},
      { topic: 'a/b/cä' },
    ],
    ['an IRI as topic', '/events/https://example.com//x', 'x', '', {}, { topic: 'https://example.com//x' }],
  ]
  test.each(kept)('keeps %s', async (_, path, body, type, headers, event) => {
    const response = await post(path, body, type, headers)
    expect(response.status).toBe(201)
    await response.text()
    expect(await newest()).toMatchObject(event)
  })

  test('in another charset is the text it says', async () => {
    await post('/events/a', new Uint8Array([0xe4, 0xf6]), 'text/plain; charset=ISO-8859-1')
    expect(await newest()).toMatchObject({ data: 'äö' })
  })

  test('may be sent in chunks', async () => {
    const pieces = ['{"a":', '[1,', '2]}']
    const body = new ReadableStream({
      pull(controller) {
        const piece = pieces.shift()
        if (piece === undefined) controller.close()
        else controller.enqueue(new TextEncoder().encode(piece))
      },
    })
    expect((await post('/events/a', body, JSON_TYPE)).status).toBe(201)
    expect(await newest()).toMatchObject({ data: '{"a":[1,2]}', isText: false })
  })

  test('is stored once for one id, and the second answer is the first one’s', async () => {
    const first = await (await post('/events/once?id=1', '{"a":1}')).json()
    const again = await post('/events/once', '{"a":1}', FORM, { 'idempotency-key': '1' })
    expect(again.status).toBe(200)
    expect(await again.json()).toEqual({ ...first, duplicate: true })
    await expectProblem(await post('/events/once?id=1', '{"a":2}'), 409, 'id-conflict', '/id')
  })
})

describe('event objects', () => {
  test('one is answered by one, an array and NDJSON by a batch with the newest cursor', async () => {
    const one = await (
      await post('/events', '{"topic":"b/1","data":1,"time":"2026-11-22T12:00:00Z"}', JSON_TYPE)
    ).json()
    expect(one).toMatchObject({ topic: 'b/1', time: '2026-11-22T12:00:00Z' })
    for (const [type, body] of [
      [JSON_TYPE, '[{"data":1},{"data":2}]'],
      [NDJSON, '{"data":1}\r\n\n  \n{"data":2}'],
      ['application/jsonl', '{"data":1}\n{"data":2}\n'],
    ] as const) {
      const response = await post('/events', body, type)
      expect(response.status).toBe(201)
      const batch = (await response.json()) as { events: { cursor: string }[]; cursor: string }
      expect(batch.events).toHaveLength(2)
      expect(batch.cursor).toBe(batch.events[1]!.cursor)
    }
    expect((await served.stored()).slice(-2).map((event) => event.data)).toEqual(['1', '2'])
  })

  test('one line of NDJSON is a batch of one', async () => {
    expect(await (await post('/events', '{"data":1}', NDJSON)).json()).toMatchObject({ events: [{ topic: 'default' }] })
  })

  test('without a content type are read from a form, text or nothing', async () => {
    for (const type of [FORM, 'text/plain', '']) {
      const bytes = new TextEncoder().encode(' {"topic":"bare","data":{"a":"=&"}}')
      expect((await post('/events', bytes, type)).status).toBe(201)
      expect(await newest()).toMatchObject({ topic: 'bare', data: '{"a":"=&"}' })
    }
  })

  test('that are no object show the line to type, with this server in it', async () => {
    const problem = await expectProblem(await post('/events', 'backup failed'), 400, 'invalid-body')
    expect(problem.detail).toContain(`curl -d 'backup failed' ${served.url}/events/my/topic`)
  })

  test('that are all there already are answered with 200', async () => {
    const body = '[{"topic":"dup","id":"1","data":1},{"topic":"dup","id":"2","data":2}]'
    expect((await post('/events', body, JSON_TYPE)).status).toBe(201)
    const again = await post('/events', body, JSON_TYPE)
    expect(again.status).toBe(200)
    expect(((await again.json()) as { events: object[] }).events).toMatchObject([
      { duplicate: true },
      { duplicate: true },
    ])
    const mixed = await post('/events', '[{"topic":"dup","id":"1","data":1},{"topic":"dup","data":3}]', JSON_TYPE)
    expect(mixed.status).toBe(201)
  })

  test('take an Idempotency-Key for one, the same as its id or instead of it', async () => {
    for (const body of ['{"topic":"key","data":1}', '{"topic":"key","data":1,"id":"k"}']) {
      const response = await post('/events', body, JSON_TYPE, { 'idempotency-key': 'k' })
      expect(await response.json()).toMatchObject({ id: 'k', topic: 'key' })
    }
    expect((await newest()).bytes).toBe(3 + 7 + 1 + 1)
  })
})

describe('CloudEvents', () => {
  const event = { specversion: '1.0', id: '7', source: 'https://x.example/a', type: 'com.x.done', subject: 's/1' }

  test('are stored under source#id on the topic of source and subject', async () => {
    const body = JSON.stringify({ ...event, time: '2026-01-01T00:00:00Z', data: { a: 1 }, traceparent: '00-1' })
    expect((await post('/events', body, `${CLOUD}; charset=utf-8`)).status).toBe(201)
    expect(await newest()).toMatchObject({
      topic: 'https://x.example/a/s/1',
      id: 'https://x.example/a#7',
      type: 'com.x.done',
      time: '2026-01-01T00:00:00Z',
      data: '{"a":1}',
    })
  })

  test('go to the topic of the query, and have null for no data', async () => {
    await post('/events?topic=mine', JSON.stringify(event), CLOUD)
    expect(await newest()).toMatchObject({ topic: 'mine', data: 'null', isText: false })
  })

  test('may carry JSON or text as base64', async () => {
    for (const [text, isText] of [
      ['{"a": 1}', false],
      ['ä', true],
    ] as const) {
      const body = { ...event, id: text, data_base64: Buffer.from(text).toString('base64') }
      expect((await post('/events', JSON.stringify(body), CLOUD)).status).toBe(201)
      expect(await newest()).toMatchObject({ data: text, isText })
    }
  })

  test('may come as a batch, or in binary mode', async () => {
    const batch = [
      { ...event, id: 'b1' },
      { ...event, id: 'b2' },
    ]
    expect(await (await post('/events', JSON.stringify(batch), CLOUD_BATCH)).json()).toMatchObject({ events: [{}, {}] })
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': 'b3',
      'ce-source': '/s',
      'ce-type': 't',
      'ce-subject': '%C3%A4',
    }
    expect((await post('/events', '{"a": 1}', JSON_TYPE, headers)).status).toBe(201)
    expect(await newest()).toMatchObject({ topic: '/s/ä', id: '/s#b3', type: 't', data: '{"a": 1}' })
  })
})

describe('what cannot be published stores nothing', () => {
  let before: number
  beforeEach(() => {
    before = served.log.head
  })

  const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  const lines = (count: number): string => '{"data":1}\n'.repeat(count)
  const array = (count: number): string => `[${Array(count).fill('{"data":1}').join(',')}]`
  const cloud = (more: object): string =>
    JSON.stringify({ specversion: '1.0', id: '1', source: '/s', type: 't', ...more })
  type Row = [
    name: string,
    path: string,
    body: BodyInit,
    type: string,
    status: number,
    code: ErrorCode,
    pointer?: string,
  ]

  const raw: Row[] = [
    ['a space in the topic', '/events/a%20b', 'x', FORM, 400, 'invalid-topic', '/topic'],
    ['a wildcard as topic', '/events/a/*', 'x', FORM, 400, 'invalid-topic', '/topic'],
    ['a reserved topic', '/events/$sys', 'x', FORM, 400, 'invalid-topic', '/topic'],
    ['a topic of 513 bytes', `/events/${'a'.repeat(513)}`, 'x', FORM, 400, 'invalid-topic', '/topic'],
    ['bad percent-encoding', '/events/a%zz', 'x', FORM, 400, 'invalid-topic', '/topic'],
    ['percent-encoding that is not UTF-8', '/events/a%ff', 'x', FORM, 400, 'invalid-topic', '/topic'],
    ['a type with a space', '/events/a?type=a+b', 'x', FORM, 400, 'invalid-type', '/type'],
    ['a reserved type', '/events/a?type=error', 'x', FORM, 400, 'invalid-type', '/type'],
    ['an id of the hub', '/events/a?id=evt_1', 'x', FORM, 400, 'invalid-id', '/id'],
    ['an id with a control character', '/events/a?id=a%00', 'x', FORM, 400, 'invalid-id', '/id'],
    ['an unknown parameter', '/events/a?tipe=x', 'x', FORM, 400, 'invalid-query', '/tipe'],
    ['a parameter given twice', '/events/a?type=x&type=y', 'x', FORM, 400, 'invalid-query', '/type'],
    ['a query of 9 KiB', `/events/a?id=${'a'.repeat(9000)}`, 'x', FORM, 400, 'invalid-query'],
    ['bytes that are not UTF-8', '/events/a', new Uint8Array([0x61, 0xff]), 'text/plain', 400, 'invalid-body'],
    ['an unknown charset', '/events/a', 'x', 'text/plain; charset=klingon', 415, 'unsupported-encoding'],
    ['JSON nested 65 deep', '/events/a', deep(65), JSON_TYPE, 400, 'invalid-json', '/data'],
    ['text of 252 KiB', '/events/a', 'x'.repeat(252 * 1024), FORM, 413, 'event-too-large', '/data'],
    ['a body of 300 KiB', '/events/a', 'x'.repeat(300 * 1024), FORM, 413, 'event-too-large'],
  ]
  const objects: Row[] = [
    ['a content type it does not know', '/events', '<x/>', 'application/xml', 415, 'unsupported-content-type'],
    ['a topic parameter', '/events?topic=a', '{"data":1}', JSON_TYPE, 400, 'invalid-query', '/topic'],
    ['text', '/events', 'backup failed', 'text/plain', 400, 'invalid-body'],
    ['an array that says it is a form', '/events', '[{"data":1}]', FORM, 400, 'invalid-body'],
    ['nothing', '/events', '', JSON_TYPE, 400, 'invalid-json'],
    ['what is not JSON', '/events', '{"data":1', JSON_TYPE, 400, 'invalid-json'],
    ['a string', '/events', '"x"', JSON_TYPE, 400, 'invalid-event'],
    ['an unknown field', '/events', '{"data":1,"topc":"a"}', JSON_TYPE, 400, 'invalid-event', '/topc'],
    ['no data', '/events', '{"topic":"a"}', JSON_TYPE, 400, 'invalid-event', '/data'],
    ['data nested 65 deep', '/events', `{"data":${deep(65)}}`, JSON_TYPE, 400, 'invalid-json'],
    ['data nested 65 deep in an array', '/events', `[{"data":${deep(65)}}]`, JSON_TYPE, 400, 'invalid-json'],
    [
      'data of 252 KiB',
      '/events',
      JSON.stringify({ data: 'x'.repeat(252 * 1024) }),
      JSON_TYPE,
      413,
      'event-too-large',
      '/data',
    ],
    ['an empty array', '/events', '[]', JSON_TYPE, 400, 'invalid-body'],
    [
      'a bad event in an array',
      '/events',
      '[{"data":1},{"data":2,"type":""},{"data":3}]',
      JSON_TYPE,
      400,
      'invalid-type',
      '/1/type',
    ],
    ['1,001 events', '/events', array(1001), JSON_TYPE, 413, 'batch-too-large'],
    ['9 MiB', '/events', `[${' '.repeat(9 << 20)}]`, JSON_TYPE, 413, 'body-too-large'],
    [
      'ids in conflict inside an array',
      '/events',
      '[{"data":1},{"id":"c","data":1},{"id":"c","data":2}]',
      JSON_TYPE,
      409,
      'id-conflict',
      '/2/id',
    ],
    ['empty NDJSON', '/events', '\n\n', NDJSON, 400, 'invalid-body'],
    ['a bad line', '/events', '{"data":1}\n\n{"data":', NDJSON, 400, 'invalid-json', '/3'],
    ['two events on a line', '/events', '{"data":1},{"data":2}', NDJSON, 400, 'invalid-json', '/1'],
    ['a bad event on a line', '/events', '\n{"data":1}\n{"data":1,"id":""}', NDJSON, 400, 'invalid-id', '/3/id'],
    ['1,001 lines', '/events', lines(1001), NDJSON, 413, 'batch-too-large'],
    [
      'ids in conflict on two lines',
      '/events',
      '{"id":"c","data":1}\n\n{"id":"c","data":2}',
      NDJSON,
      409,
      'id-conflict',
      '/3/id',
    ],
    ['a CloudEvent of 0.3', '/events', cloud({ specversion: '0.3' }), CLOUD, 400, 'invalid-event', '/specversion'],
    ['a CloudEvent without source', '/events', cloud({ source: undefined }), CLOUD, 400, 'invalid-event', '/source'],
    ['a CloudEvent with an empty id', '/events', cloud({ id: '' }), CLOUD, 400, 'invalid-event', '/id'],
    [
      'a CloudEvent with both kinds of data',
      '/events',
      cloud({ data: 1, data_base64: '' }),
      CLOUD,
      400,
      'invalid-event',
      '/data_base64',
    ],
    [
      'a CloudEvent of binary data',
      '/events',
      cloud({ data_base64: '/w==' }),
      CLOUD,
      400,
      'invalid-event',
      '/data_base64',
    ],
    [
      'a CloudEvent whose source is no topic',
      '/events',
      cloud({ source: 'a b' }),
      CLOUD,
      400,
      'invalid-topic',
      '/topic',
    ],
    ['an array that is no batch', '/events', `[${cloud({})}]`, CLOUD, 400, 'invalid-event'],
    ['a batch that is no array', '/events', cloud({}), CLOUD_BATCH, 400, 'invalid-event'],
    [
      'a bad CloudEvent in a batch',
      '/events',
      `[${cloud({})},${cloud({ type: 1 })}]`,
      CLOUD_BATCH,
      400,
      'invalid-event',
      '/1/type',
    ],
  ]
  for (const [name, path, body, type, status, code, pointer] of [...raw, ...objects]) {
    test(name, async () => {
      const problem = await expectProblem(await post(path, body, type), status, code, pointer)
      expect(served.log.head).toBe(before)
      const place = /^\/(\d+)/.exec(pointer ?? '')
      if (place) expect(problem.detail).toMatch(new RegExp(`^(Event|Line) ${place[1]}: `))
    })
  }

  const headers: [name: string, headers: Record<string, string>, status: number, code: ErrorCode, pointer?: string][] =
    [
      ['a compressed body', { 'content-encoding': 'gzip' }, 415, 'unsupported-encoding'],
      ['a reserved type from a header', { 'x-github-event': 'error' }, 400, 'invalid-type', '/type'],
      ['a reserved id from a header', { 'idempotency-key': 'evt_1' }, 400, 'invalid-id', '/id'],
    ]
  for (const [name, sent, status, code, pointer] of headers) {
    test(name, async () => {
      await expectProblem(await post('/events/a', 'x', FORM, sent), status, code, pointer)
      expect(served.log.head).toBe(before)
    })
  }

  test('an Idempotency-Key that names a batch, or another id than the event', async () => {
    const key = { 'idempotency-key': 'k' }
    await expectProblem(await post('/events', '[{"data":1}]', JSON_TYPE, key), 400, 'invalid-id', '/id')
    await expectProblem(await post('/events', '{"data":1,"id":"other"}', JSON_TYPE, key), 400, 'invalid-id', '/id')
    await expectProblem(await post('/events/a?id=other', '1', JSON_TYPE, key), 400, 'invalid-id', '/id')
    expect(served.log.head).toBe(before)
  })

  test('and nothing of it is a failure of the server', () => {
    expect(served.reports).toEqual([])
  })
})

describe('the webhooks of GitHub', () => {
  const deliveries = examples()

  test('posted one by one arrive with their exact text, topic and type', async () => {
    const from = served.log.head
    for (const { topic, name, payload } of deliveries) {
      const response = await post(`/events/${topic}`, JSON.stringify(payload), JSON_TYPE, { 'x-github-event': name })
      expect(response.status).toBe(201)
      await response.text()
    }
    const arrived = (await served.stored()).filter((event) => event.offset > from)
    expect(arrived.length).toBeGreaterThan(200)
    expect(arrived.map(({ topic, type, data }) => ({ topic, type, data }))).toEqual(
      deliveries.map(({ topic, name, payload }) => ({ topic, type: name, data: JSON.stringify(payload) })),
    )
  })

  test('posted as NDJSON arrive as the same values', async () => {
    const from = served.log.head
    const lines = deliveries.map(({ topic, name, payload }) => JSON.stringify({ topic, type: name, data: payload }))
    expect((await post('/events', lines.join('\n'), NDJSON)).status).toBe(201)
    const arrived = (await served.stored()).filter((event) => event.offset > from)
    expect(arrived.map((event) => JSON.parse(event.data))).toEqual(deliveries.map(({ payload }) => payload))
  })
})

test('a batch may have exactly 1,000 events and text of every plane', async () => {
  const events = Array.from({ length: 1000 }, (_, index) => ({ topic: `plane/${index}`, data: `ä€𝄞 ${index}` }))
  const response = await post('/events', JSON.stringify(events), JSON_TYPE)
  expect(response.status).toBe(201)
  const stored = (await served.stored()).slice(-1000)
  expect(stored.map((event) => ({ topic: event.topic, data: event.data }))).toEqual(events)
})
