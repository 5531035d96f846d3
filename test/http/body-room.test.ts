import { expect, test } from 'bun:test'
import { BodyRoom } from '../../src/http/body-room.ts'

test('room that is full is refused, and room is given back once', () => {
  const room = new BodyRoom(10)
  const release = room.hold(6)
  expect(() => room.hold(5)).toThrow('Too many request bodies')
  expect(room.held).toBe(6)
  release()
  release()
  expect(room.held).toBe(0)
  expect(() => room.hold(10)).not.toThrow()
})
