import { describe, expect, test } from 'bun:test'
import type { Mcp } from '../../src/mcp/mcp.ts'
import { McpOnDemand } from '../../src/mcp/on-demand.ts'

/** What is called on a loaded one, in order. */
function loading() {
  const calls: string[] = []
  const mcp = {
    reconsider: async () => void calls.push('reconsider'),
    drain: async () => void calls.push('drain'),
    close: () => calls.push('close'),
  }
  const loads: PromiseWithResolvers<Mcp>[] = []
  const onDemand = new McpOnDemand(() => {
    const load = Promise.withResolvers<Mcp>()
    loads.push(load)
    return load.promise
  })
  return { onDemand, loads, calls, mcp: mcp as unknown as Mcp }
}

describe('MCP on demand', () => {
  test('is not loaded by a reload or a stop', async () => {
    const { onDemand, loads } = loading()
    await onDemand.reconsider(() => undefined)
    await onDemand.drain()
    onDemand.close()
    expect(loads).toEqual([])
  })

  test('is loaded once for requests that come together, and is there at once for later ones', async () => {
    const { onDemand, loads, mcp } = loading()
    const both = [onDemand.get(), onDemand.get()]
    loads[0]!.resolve(mcp)
    expect(await Promise.all(both)).toEqual([mcp, mcp])
    expect(onDemand.get()).toBe(mcp)
    expect(loads.length).toBe(1)
  })

  test('that could not be loaded is tried again by the next request', async () => {
    const { onDemand, loads, mcp } = loading()
    const first = onDemand.get() as Promise<Mcp>
    loads[0]!.reject(new Error('out of memory'))
    expect(await first.catch((error: Error) => error.message)).toBe('out of memory')
    const second = onDemand.get()
    loads[1]!.resolve(mcp)
    expect(await second).toBe(mcp)
  })

  test('that is being loaded is drained when it is there, and closed when the stop was first', async () => {
    const { onDemand, loads, calls, mcp } = loading()
    void onDemand.get()
    const drained = onDemand.drain()
    onDemand.close()
    loads[0]!.resolve(mcp)
    await drained
    expect(calls).toEqual(['close', 'drain'])
  })
})
