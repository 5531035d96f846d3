import { describe, expect, test } from 'bun:test'
import { anonymous, LOCAL } from '../../src/core/principal.ts'
import { ByteRoom } from '../../src/http/byte-room.ts'

const alice = { id: 'sub:alice', credential: 'token' }
const room = () => new ByteRoom({ bytes: 100, what: 'things are arriving' })

/** Takes `bytes`; the result gives them back. */
function hold(things: ByteRoom, bytes: number, owner: Parameters<ByteRoom['holding']>[0]): () => void {
  const holding = things.holding(owner)
  holding.resize(bytes)
  return () => holding.release()
}

describe('room for bytes', () => {
  test('that is full is refused, and is given back once', () => {
    const things = room()
    const release = hold(things, 60, LOCAL)
    expect(() => hold(things, 41, LOCAL)).toThrow('Too many things are arriving at once; try again in a moment.')
    expect(things.held).toBe(60)
    release()
    release()
    expect(things.held).toBe(0)
    expect(() => hold(things, 100, LOCAL)).not.toThrow()
  })

  test('has a quarter for each principal, and tells whoever has it that it is that', () => {
    const things = room()
    const release = hold(things, 20, alice)
    expect(() => hold(things, 6, alice)).toThrow('Too many things are arriving for this credential at once; wait for')
    hold(things, 5, alice)
    for (let number = 0; number < 3; number++) hold(things, 25, { id: `key:${number}`, credential: 'key' })
    expect(() => hold(things, 1, { id: 'key:last', credential: 'key' })).toThrow('at once; try again in a moment.')
    release()
    expect(() => hold(things, 20, alice)).not.toThrow()
  })

  test('has one quarter for all callers without a credential', () => {
    const things = room()
    hold(things, 25, anonymous())
    expect(() => hold(things, 1, anonymous())).toThrow('for callers without a credential at once')
  })

  test('forgets whoever holds nothing, also when they were refused', () => {
    const things = room()
    for (let number = 0; number < 1000; number++) {
      const owner = { id: `sub:${number}`, credential: 'token' }
      hold(things, 0, owner)
      hold(things, 10, owner)()
      expect(() => hold(things, 26, owner)).toThrow()
      expect(things.owners).toBe(0)
    }
  })

  test('that grows too large keeps what it had, and shrinks without being refused', () => {
    const things = room()
    const holding = things.holding(alice)
    holding.resize(25)
    expect(() => holding.resize(26)).toThrow('this credential')
    expect(things.held).toBe(25)
    hold(things, 75, LOCAL)
    holding.resize(10)
    expect(things.held).toBe(85)
    holding.release()
    holding.release()
    expect(things.held).toBe(75)
  })
})
