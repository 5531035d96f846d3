import { afterAll, beforeAll, expect, test } from 'bun:test'
import { parseGrants } from '../../src/core/grants.ts'
import type { OutletDetail, OutletSummary } from '../../src/webhooks/summary.ts'
import { bearer, keySettings, testKey } from '../support/access.ts'
import { expectProblem } from '../support/problem.ts'
import { outletDetail, ScriptedOutlets } from '../support/scripted-outlets.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

interface Outlets {
  webhooks: OutletSummary[]
  next?: string
}

const outlets = new ScriptedOutlets(
  outletDetail('sub_b'),
  outletDetail('forward:chat'),
  outletDetail('sub_a', { state: 'suspended', lastError: 'http_5xx' }),
  outletDetail('forward:build.log', { state: 'disabled' }),
)
let served: ServedHub
beforeAll(async () => {
  served = await servedHub({ webhooks: () => outlets })
})
afterAll(() => served.close())

async function list(query = ''): Promise<Outlets> {
  const response = await served.fetch(`/webhooks?${query}`)
  expect(response.status).toBe(200)
  expect(response.headers.get('cache-control')).toBe('no-store')
  return (await response.json()) as Outlets
}

const ids = ({ webhooks }: Outlets): string[] => webhooks.map(({ id }) => id)
const post = (path: string, body: string | null = null) => served.fetch(path, { method: 'POST', body })

test('are listed by id, without what only one of them is shown with', async () => {
  const all = await list()
  expect(ids(all)).toEqual(['forward:build.log', 'forward:chat', 'sub_a', 'sub_b'])
  expect(all.next).toBeUndefined()
  expect(all.webhooks[2]).toEqual(outlets.list().find(({ id }) => id === 'sub_a')!)
  expect(Object.keys(all.webhooks[0]!)).not.toContain('attempts')
})

test('are listed by kind and state, both at once too', async () => {
  expect(ids(await list('kind=webhook'))).toEqual(['sub_a', 'sub_b'])
  expect(ids(await list('state=active'))).toEqual(['forward:chat', 'sub_b'])
  expect(ids(await list('kind=forward&state=active'))).toEqual(['forward:chat'])
  expect(ids(await list('kind=forward&state=suspended'))).toEqual([])
})

test('come a page at a time, none missing and none twice, also when one goes in between', async () => {
  const many = Array.from({ length: 25 }, (_, index) => outletDetail(`sub_${String(index).padStart(2, '0')}`))
  let now = many
  await using at = await disposable({ webhooks: () => new ScriptedOutlets(...now) })
  const seen: string[] = []
  let page = ''
  for (;;) {
    const answer = (await (await at.fetch(`/webhooks?limit=10${page}`)).json()) as Outlets
    seen.push(...ids(answer))
    if (answer.next === undefined) break
    // The one the page ended with: the place is not lost with it.
    now = now.filter(({ id }) => id !== answer.webhooks.at(-1)!.id)
    page = `&page=${answer.next}`
  }
  expect(seen).toEqual(many.map(({ id }) => id))
})

test('as many as there are in whole pages end without another one', async () => {
  const first = await list('limit=2')
  expect(ids(first)).toEqual(['forward:build.log', 'forward:chat'])
  const last = await list(`limit=2&page=${first.next}`)
  expect([ids(last), last.next]).toEqual([['sub_a', 'sub_b'], undefined])
})

test('are refused what the query gets wrong', async () => {
  for (const [query, pointer] of [
    ['kind=webhooks', '/kind'],
    ['state=dead', '/state'],
    ['state=active&state=disabled', '/state'],
    ['limit=0', '/limit'],
    ['limit=1001', '/limit'],
    ['page=c3ViX2E', '/page'],
    ['knd=webhook', '/knd'],
  ] as const) {
    await expectProblem(await served.fetch(`/webhooks?${query}`), 400, 'invalid-query', pointer)
  }
  const { detail } = await expectProblem(await served.fetch('/webhooks?state=dead'), 400, 'invalid-query', '/state')
  expect(detail).toContain('active, suspended, disabled')
})

test('one is shown by its id, percent-encoded or not, with its attempts', async () => {
  for (const path of ['/webhooks/forward:chat', '/webhooks/forward%3Achat', '/webhooks/forward%3achat/']) {
    const response = await served.fetch(path)
    expect([response.status, await response.json()]).toEqual([200, outlets.show('forward:chat')])
  }
})

test('disabling and enabling is answered with the outlet as it then is, as often as one likes', async () => {
  for (const [verb, state] of [
    ['disable', 'disabled'],
    ['disable', 'disabled'],
    ['enable', 'active'],
    ['enable', 'active'],
  ] as const) {
    const response = await post(`/webhooks/forward:chat/${verb}`)
    expect(response.status).toBe(200)
    expect((await response.json()) as OutletDetail).toMatchObject({ id: 'forward:chat', state })
  }
})

test('one event, or everything after a place, is sent again', async () => {
  outlets.asked.splice(0)
  for (const body of ['{"event":"abc.12"}', '{"after":"abc.0"}']) {
    const response = await post('/webhooks/sub_a/redeliver', body)
    expect([response.status, ((await response.json()) as OutletDetail).id]).toEqual([200, 'sub_a'])
  }
  expect(outlets.asked).toEqual(['redeliver sub_a {"event":"abc.12"}', 'redeliver sub_a {"after":"abc.0"}'])
})

test('what is to be sent again is exactly one cursor, and anything else sends nothing', async () => {
  outlets.asked.splice(0)
  for (const [body, code, pointer] of [
    ['', 'invalid-json', undefined],
    ['{', 'invalid-json', undefined],
    ['null', 'invalid-body', undefined],
    ['["abc.1"]', 'invalid-body', undefined],
    ['{}', 'invalid-body', undefined],
    ['{"event":"abc.1","after":"abc.1"}', 'invalid-body', undefined],
    ['{"evnt":"abc.1"}', 'invalid-body', undefined],
    ['{"event":"abc.1","more":1}', 'invalid-body', undefined],
    ['{"event":1}', 'invalid-cursor', '/event'],
    ['{"event":"12"}', 'invalid-cursor', '/event'],
    ['{"after":null}', 'invalid-cursor', '/after'],
    ['{"after":"earliest"}', 'invalid-cursor', '/after'],
  ] as const) {
    await expectProblem(await post('/webhooks/sub_a/redeliver', body), 400, code, pointer)
  }
  const large = `{"event":"abc.1","x":"${'x'.repeat(5000)}"}`
  await expectProblem(await post('/webhooks/sub_a/redeliver', large), 413, 'body-too-large')
  await expectProblem(
    await post('/webhooks/sub_a/redeliver?event=abc.1', '{"event":"abc.1"}'),
    400,
    'invalid-query',
    '/event',
  )
  expect(outlets.asked).toEqual([])
})

test('an id that is none is told where those are that there are', async () => {
  for (const [method, path] of [
    ['GET', '/webhooks/forward:caht'],
    ['GET', '/webhooks/a%2Fdisable'],
    ['GET', '/webhooks/%ff'],
    ['GET', '/webhooks/__proto__'],
    ['POST', '/webhooks/sub_c/disable'],
    ['POST', '/webhooks/sub_c/enable'],
    ['POST', '/webhooks/sub_c/redeliver'],
  ] as const) {
    const response = await served.fetch(path, { method, body: path.endsWith('redeliver') ? '{"event":"abc.1"}' : null })
    const { detail } = await expectProblem(response, 404, 'not-found')
    expect(detail).toContain('GET /webhooks')
  }
  expect(served.reports).toEqual([])
})

test('whose grant goes while the request is on its way does nothing', async () => {
  const ops = testKey('ops', { admin: true })
  const narrowed = { text: ops.text, settings: { ...ops.settings, grants: parseGrants({ subscribe: ['**'] }) } }
  const own = new ScriptedOutlets(outletDetail('sub_a'))
  for (const [method, path, body] of [
    ['POST', '/webhooks/sub_a/disable', null],
    ['POST', '/webhooks/sub_a/redeliver', '{"event":"abc.1"}'],
    ['GET', '/webhooks/sub_a', null],
    ['GET', '/webhooks', null],
  ] as const) {
    const asked = Promise.withResolvers<void>()
    const loaded = Promise.withResolvers<ScriptedOutlets>()
    const webhooks = () => {
      asked.resolve()
      return loaded.promise
    }
    await using at = await disposable({ webhooks, access: keySettings([ops]) })
    const answer = at.fetch(path, { method, body, headers: bearer(ops.text) })
    await asked.promise
    await at.reload(keySettings([narrowed]))
    loaded.resolve(own)
    await expectProblem(await answer, 403, 'forbidden')
  }
  expect(own.asked).toEqual([])
})

async function disposable(options: Parameters<typeof servedHub>[0]) {
  const at = await servedHub(options)
  return { ...at, [Symbol.asyncDispose]: () => at.close() }
}
