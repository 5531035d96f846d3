import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { JSONRPCMessage } from '@modelcontextprotocol/server'
import fc from 'fast-check'
import { Counts } from '../../../src/core/counts.ts'
import { HubMetrics } from '../../../src/core/metrics.ts'
import { LOCAL } from '../../../src/core/principal.ts'
import { systemClock } from '../../../src/daemon/clock.ts'
import { ResumeRoom } from '../../../src/mcp/eras/sessions/resume-store.ts'
import type { SessionHost } from '../../../src/mcp/eras/sessions/session-transport.ts'
import { StreamableTransport } from '../../../src/mcp/eras/sessions/streamable-transport.ts'
import type { Exchange } from '../../../src/mcp/exchange.ts'
import { Outboxes } from '../../../src/mcp/outboxes.ts'
import type { Parts } from '../../../src/mcp/parts.ts'
import { BlockParser } from '../../support/block.ts'
import { testMcpLimits } from '../../support/served-hub.ts'
import type { Message } from './session-client.ts'

/** What may happen, to a request's stream or to the standalone one. */
type Step = { stream: 'call' | 'standalone'; does: 'send' | 'read' | 'drop' | 'come back' | 'be replaced' }

const step: fc.Arbitrary<Step> = fc.record({
  stream: fc.constantFrom('call' as const, 'standalone' as const),
  does: fc.constantFrom(
    'send' as const,
    'read' as const,
    'drop' as const,
    'come back' as const,
    'be replaced' as const,
  ),
})

let outboxes: Outboxes
let parts: Parts
beforeEach(() => {
  outboxes = new Outboxes({
    hub: { occupy: () => () => {}, metrics: new HubMetrics(systemClock) },
    clock: systemClock,
    limits: testMcpLimits,
  })
  const plan = {
    catalogue: { name: '', title: '', version: '', instructions: '', tools: [], resources: [], prompts: [] },
    calls: new Counts<[string, string]>(),
    report: (error: unknown) => {
      throw error
    },
  }
  parts = { plan, outboxes, watching: undefined as never, clock: systemClock, limits: testMcpLimits }
})
afterEach(() => outboxes.close())

type Read = { done: boolean; value?: Uint8Array | undefined }

async function someTurns(): Promise<'nothing'> {
  for (let turn = 0; turn < 5; turn++) await systemClock.yield()
  return 'nothing'
}

/** A client of one stream as the specification wants it: it comes back with the last id it read. */
class Client {
  readonly numbers: number[] = []
  lastId: string
  #abort = new AbortController()
  #parser = new BlockParser()
  #body: ReadableStreamDefaultReader<Uint8Array> | undefined

  constructor(lastId: string) {
    this.lastId = lastId
  }

  exchange(method: string): Exchange {
    this.#abort = new AbortController()
    const headers = { 'last-event-id': this.lastId, accept: 'text/event-stream' }
    const request = new Request('http://hub/mcp', { method, headers, signal: this.#abort.signal })
    return { request, body: undefined, principal: LOCAL, address: '', cut: () => {} }
  }

  /** What has not been read of the one before is lost. */
  take(response: Response): void {
    this.#pending = undefined
    this.#parser = new BlockParser()
    this.#body = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined
  }

  /** One chunk, if there is one after some turns of the event loop. @returns whether there was */
  async read(): Promise<boolean> {
    if (!this.#body) return false
    this.#pending ??= this.#body.read()
    const read = await Promise.race([this.#pending, someTurns()])
    return read !== 'nothing' && this.#took(read)
  }

  /** All of a stream that ends. */
  async readToEnd(): Promise<void> {
    if (!this.#body) return
    while (this.#took(await (this.#pending ?? this.#body.read()))) {}
  }

  #took(read: Read): boolean {
    this.#pending = undefined
    for (const { id, data } of this.#parser.push(read.value ?? new Uint8Array())) {
      if (id !== undefined) this.lastId = id
      if (!data) continue
      const message: Message = JSON.parse(data)
      this.numbers.push(message.params?.number ?? message.result.number)
    }
    return !read.done
  }
  #pending: Promise<Read> | undefined

  /** What has not been read is lost. */
  drop(): void {
    this.#abort.abort()
    this.#body = undefined
    this.#pending = undefined
  }
}

describe('whatever is dropped and resumed', () => {
  test('every message of a call and of the session comes exactly once, in order, on its own stream', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const host: SessionHost = {
          parts,
          version: '2025-11-25',
          open: (exchange, lasting, ended) => outboxes.open(exchange, lasting, ended),
          used: () => {},
          listening: () => {},
          close: () => {},
        }
        const transport = new StreamableTransport('session', host, new ResumeRoom(1 << 20))
        const sent = { call: 0, standalone: 0 }
        const send = (stream: Step['stream'], more: object = {}): Promise<void> => {
          const message = { jsonrpc: '2.0', method: 'test', params: { number: ++sent[stream] }, ...more }
          return transport.send(message as JSONRPCMessage, stream === 'call' ? { relatedRequestId: 1 } : {})
        }
        const clients = { call: new Client('1.0'), standalone: new Client('0.0') }
        const request = { jsonrpc: '2.0' as const, id: 1, method: 'test' }
        const posted = { messages: [request], requests: [request], batch: false }
        const answer = transport.receive(posted, clients.call.exchange('POST'))
        await send('call')
        clients.call.take(await answer)
        const here = { call: true, standalone: false }
        for (const { stream, does } of steps) {
          const client = clients[stream]
          if (does === 'send') await send(stream)
          else if (does === 'read') await client.read()
          else if (does === 'drop') {
            client.drop()
            here[stream] = false
          } else if (does === 'be replaced' || !here[stream]) {
            // Replaced: the one before may still be open.
            if (does === 'be replaced' && here[stream]) while (await client.read()) {}
            client.take(transport.listen(client.exchange('GET')))
            here[stream] = true
          }
        }
        await transport.send({ jsonrpc: '2.0', id: 1, result: { number: ++sent.call } })
        for (const client of Object.values(clients)) {
          client.drop()
          const last = transport.listen(client.exchange('GET'))
          if (last.status !== 204) client.take(last)
        }
        // What waits is written first.
        transport.end('max-age')
        for (const client of Object.values(clients)) await client.readToEnd()
        const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
        expect(clients.call.numbers).toEqual(upTo(sent.call))
        expect(clients.standalone.numbers).toEqual(upTo(sent.standalone))
        expect(outboxes.size).toBe(0)
      }),
      { numRuns: 150 },
    )
  }, 60_000)
})
