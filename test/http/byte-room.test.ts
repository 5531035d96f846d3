import { describe, expect, test } from 'bun:test'
import { anonymous, LOCAL } from '../../src/core/principal.ts'
import { ByteRoom } from '../../src/http/byte-room.ts'

const alice = { id: 'sub:alice', credential: 'token' }
const room = () => new ByteRoom({ bytes: 100, what: 'things are arriving' })

describe('room for bytes', () => {
  test('that is full is refused, and is given back once', () => {
    const things = room()
    const release = things.hold(60, LOCAL)
    expect(() => things.hold(41, LOCAL)).toThrow('Too many things are arriving at once; try again in a moment.')
    expect(things.held).toBe(60)
    release()
    release()
    expect(things.held).toBe(0)
    expect(() => things.hold(100, LOCAL)).not.toThrow()
  })

  test('has a quarter for each principal, and tells whoever has it that it is that', () => {
    const things = room()
    const release = things.hold(20, alice)
    expect(() => things.hold(6, alice)).toThrow('Too many things are arriving for this credential at once; wait for')
    things.hold(5, alice)
    for (let number = 0; number < 3; number++) things.hold(25, { id: `key:${number}`, credential: 'key' })
    expect(() => things.hold(1, { id: 'key:last', credential: 'key' })).toThrow('at once; try again in a moment.')
    release()
    expect(() => things.hold(20, alice)).not.toThrow()
  })

  test('has one quarter for all callers without a credential', () => {
    const things = room()
    things.hold(25, anonymous())
    expect(() => things.hold(1, anonymous())).toThrow('for callers without a credential at once')
  })

  test('forgets whoever holds nothing, also when they were refused', () => {
    const things = room()
    for (let number = 0; number < 1000; number++) {
      const owner = { id: `sub:${number}`, credential: 'token' }
      things.hold(0, owner)
      things.hold(10, owner)()
      expect(() => things.hold(26, owner)).toThrow()
      expect(things.owners).toBe(0)
    }
  })

  test('that grows too large keeps what it had, and shrinks without being refused', () => {
    const things = room()
    const holding = things.holding(alice)
    holding.resize(25)
    expect(() => holding.resize(26)).toThrow('this credential')
    expect(things.held).toBe(25)
    things.hold(75, LOCAL)
    holding.resize(10)
    expect(things.held).toBe(85)
    holding.release()
    holding.release()
    expect(things.held).toBe(75)
  })
})
