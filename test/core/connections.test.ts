import { describe, expect, test } from 'bun:test'
import { parseFilter } from '../../src/core/filter.ts'
import { parseGrants } from '../../src/core/grants.ts'
import { LOCAL, type Principal } from '../../src/core/principal.ts'
import { memoryHub } from '../support/hub.ts'

function principal(id: string, more: Partial<Principal> = {}): Principal {
  const grants = parseGrants({ subscribe: ['**'] })
  return { id, grants, expires: undefined, credential: id, limited: true, ...more }
}

const stream = { queuedBytes: 0, end: () => {} }
const everything = { filter: parseFilter([], []), start: undefined }

describe('streams above a limit are refused, the new one and not the oldest', () => {
  test.each([
    ['of all', { connections: 2 }, 'too-many-connections'],
    ['of one principal', { connectionsPerPrincipal: 2 }, 'too-many-of-principal'],
    ['of one address', { connectionsPerAddress: 2 }, 'too-many-of-address'],
  ] as const)('%s', async (_, limits, reason) => {
    const { hub, close } = await memoryHub(limits)
    const alice = { principal: principal('key:alice'), address: '192.0.2.1' }
    expect(hub.admission.refusal(alice)).toBeUndefined()
    const first = hub.subscribe({ ...everything, ...alice })
    hub.subscribe({ ...everything, ...alice })
    expect(hub.admission.refusal(alice)).toBe(reason)
    expect(first.closeReason).toBeUndefined()
    first.close('client-gone')
    expect(hub.admission.refusal(alice)).toBeUndefined()
    await close()
  })

  test('one principal’s streams are no other’s, and an address’s are no other’s', async () => {
    const { hub, close } = await memoryHub({ connectionsPerPrincipal: 1, connectionsPerAddress: 1 })
    hub.subscribe({ ...everything, principal: principal('key:alice'), address: '192.0.2.1' })
    expect(hub.admission.refusal({ principal: principal('key:alice'), address: '192.0.2.2' })).toBe(
      'too-many-of-principal',
    )
    expect(hub.admission.refusal({ principal: principal('key:bob'), address: '192.0.2.1' })).toBe('too-many-of-address')
    expect(hub.admission.refusal({ principal: principal('key:bob'), address: '192.0.2.2' })).toBeUndefined()
    await close()
  })

  test('neither counts for local people, who are many, and for addresses nobody knows', async () => {
    const { hub, close } = await memoryHub({ connectionsPerPrincipal: 1, connectionsPerAddress: 1 })
    for (let count = 0; count < 3; count++) hub.subscribe({ ...everything, principal: LOCAL, address: '' })
    expect(hub.admission.refusal({ principal: LOCAL, address: '' })).toBeUndefined()
    await close()
  })
})

describe('a stream that is no subscription takes a place all the same', () => {
  test('it is counted, and refused where there is none, until it is given back', async () => {
    const { hub, close } = await memoryHub({ connectionsPerPrincipal: 1 })
    const alice = { principal: principal('key:alice'), address: '' }
    const leave = hub.occupy(alice, stream)
    expect(hub.admission.refusal(alice)).toBe('too-many-of-principal')
    expect(() => hub.occupy(alice, stream)).toThrow(expect.objectContaining({ code: 'overloaded' }))
    leave('client-gone')
    leave('client-gone')
    expect(hub.admission.refusal(alice)).toBeUndefined()
    hub.subscribe({ ...everything, ...alice })
    // Giving back twice has not made room for two.
    expect(hub.admission.refusal(alice)).toBe('too-many-of-principal')
    await close()
  })

  test('a hub that drains has none', async () => {
    const { hub, close } = await memoryHub()
    hub.admission.refuseNew()
    const alice = { principal: principal('key:alice'), address: '' }
    expect(() => hub.occupy(alice, stream)).toThrow(expect.objectContaining({ code: 'draining' }))
    await close()
  })
})
