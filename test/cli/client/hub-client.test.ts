import { expect, test } from 'bun:test'
import { follow, type StreamItem } from '../../../src/cli/client/follow.ts'
import { HubClient, type HubRequest } from '../../../src/cli/client/hub-client.ts'
import { CommandFailure } from '../../../src/cli/failure.ts'
import { opening, scriptedHub, stream } from '../../support/scripted-hub.ts'
import { silentPeer } from '../../support/silent-peer.ts'
import { until } from '../../support/until.ts'

/** Waits a hundredth of the time for what nobody answers, and only where a limit was asked for. */
class HastyClient extends HubClient {
  readonly limits: (number | undefined)[] = []
  /** Which of its requests, from 0; those that are answered have the time that they take. */
  isHasty = (_index: number) => true

  override send(path: string, request: HubRequest): Promise<Response> {
    const { answerMs } = request
    const hasty = answerMs !== undefined && this.isHasty(this.limits.length)
    this.limits.push(answerMs)
    return super.send(path, hasty ? { ...request, answerMs: answerMs / 100 } : request)
  }
}

async function failureOf(promise: Promise<unknown>): Promise<CommandFailure> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  )
  if (!(error instanceof CommandFailure)) throw new Error(`No failure: ${error}`)
  return error
}

test('who takes a request and is silent is left after a minute, and named', async () => {
  using peer = silentPeer()
  const hub = new HastyClient('publish', peer.url, undefined)
  const { message, hint } = await failureOf(hub.request('/events', { method: 'POST', body: '{}' }))
  expect(message).toBe(`What listens at ${peer.url} did not answer within 0.6 s.`)
  expect(hint).toBe(`curl ${peer.url}/readyz`)
  await until('the connection to be seen', () => peer.connections > 0)
  expect([hub.limits, peer.connections]).toEqual([[60_000], 1])
})

test('the limit is for the head of an answer: its body may take longer', async () => {
  await using hub = scriptedHub(
    () =>
      new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue('first ')
            await Bun.sleep(5500)
            controller.enqueue('last')
            controller.close()
          },
        }),
      ),
  )
  const client = new HubClient('topics', hub.url, undefined)
  expect(await (await client.request('/topics', { answerMs: 5000 })).text()).toBe('first last')
})

test('the asker’s own signal still ends a request that has a limit', async () => {
  using peer = silentPeer()
  const signal = AbortSignal.timeout(50)
  const client = new HubClient('topics', peer.url, undefined)
  const reason = await client.request('/topics', { signal }).catch((error) => error)
  expect([reason.name, signal.aborted]).toEqual(['TimeoutError', true])
})

test('a stream that is asked of a silent peer fails after 30 s', async () => {
  using peer = silentPeer()
  const hub = new HastyClient('subscribe', peer.url, undefined)
  const items = follow(hub, new URLSearchParams(), new AbortController().signal)
  expect((await failureOf(items.next())).message).toBe(`What listens at ${peer.url} did not answer within 0.3 s.`)
  expect(hub.limits).toEqual([30_000])
})

test('on a reconnect a silent peer is a lost connection like any other', async () => {
  await using server = scriptedHub((_, index) =>
    index === 1 ? new Promise<Response>(() => {}) : stream({ frames: opening('abc.0'), end: index === 0 }),
  )
  const hub = new HastyClient('subscribe', server.url, undefined)
  hub.isHasty = (index) => index === 1
  const stop = new AbortController()
  const lost: StreamItem[] = []
  for await (const items of follow(hub, new URLSearchParams(), stop.signal)) {
    lost.push(...items.filter(({ kind }) => kind === 'lost'))
    if (server.requests.length === 3) stop.abort()
  }
  expect(lost).toMatchObject([
    { reason: 'the connection ended' },
    { reason: `What listens at ${server.url} did not answer within 0.3 s` },
  ])
})
