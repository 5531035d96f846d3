import { describe, expect, test } from 'bun:test'
import { type Replayable, ResumeRoom, ResumeStore } from '../../../src/mcp/eras/sessions/resume-store.ts'

const stream = (): Replayable => ({ lostTo: 0 })
const frame = (bytes: number) => new Uint8Array(bytes)

describe('what is kept for clients that come back', () => {
  test('is what a stream sent after a place, in order, and of no other stream', () => {
    const store = new ResumeStore(new ResumeRoom(1000), 100)
    const [a, b] = [stream(), stream()]
    const frames = [1, 2, 3, 4].map((byte) => new Uint8Array([byte]))
    for (const [index, each] of frames.entries())
      store.keep(index % 2 === 0 ? a : b, Math.floor(index / 2) + 1, each, 0)
    expect(store.after(a, 0)).toEqual([frames[0]!, frames[2]!])
    expect(store.after(a, 1)).toEqual([frames[2]!])
    expect(store.after(b, 2)).toEqual([])
  })

  test('is the newest, and says from where on', () => {
    const room = new ResumeRoom(1000)
    const store = new ResumeStore(room, 100)
    const kept = stream()
    for (let number = 1; number <= 5; number++) store.keep(kept, number, frame(40), 0)
    expect([kept.lostTo, store.after(kept, 0).length, store.bytes, room.freeBytes]).toEqual([3, 2, 80, 920])
    const huge = stream()
    store.keep(huge, 1, frame(101), 0)
    // Too large to be kept, which is no reason to forget others.
    expect([huge.lostTo, store.after(huge, 0).length, store.after(kept, 3).length]).toEqual([1, 0, 2])
  })

  test('takes no more room than all sessions have, and nothing from another session', () => {
    const room = new ResumeRoom(100)
    const [mine, yours] = [new ResumeStore(room, 80), new ResumeStore(room, 80)]
    const [a, b] = [stream(), stream()]
    mine.keep(a, 1, frame(80), 0)
    yours.keep(b, 1, frame(20), 0)
    yours.keep(b, 2, frame(20), 0)
    expect([b.lostTo, yours.after(b, 1).length, a.lostTo]).toEqual([1, 1, 0])
    yours.keep(b, 3, frame(30), 0)
    expect([b.lostTo, yours.bytes, a.lostTo]).toEqual([3, 0, 0])
    mine.clear()
    expect([a.lostTo, room.freeBytes]).toEqual([1, 100])
  })

  test('takes at most a quarter of the room for all sessions of one owner, who is forgotten with the last of it', () => {
    const room = new ResumeRoom(100)
    const [first, second] = [new ResumeStore(room.shareOf('her'), 80), new ResumeStore(room.shareOf('her'), 80)]
    const his = new ResumeStore(room.shareOf('him'), 80)
    const [a, b, c] = [stream(), stream(), stream()]
    first.keep(a, 1, frame(20), 0)
    second.keep(b, 1, frame(6), 0)
    expect([b.lostTo, a.lostTo, room.freeBytes]).toEqual([1, 0, 80])
    second.keep(b, 2, frame(5), 0)
    his.keep(c, 1, frame(25), 0)
    expect([b.lostTo, c.lostTo, room.freeBytes, room.owners]).toEqual([1, 0, 50, 2])
    for (const store of [first, second, his]) store.clear()
    expect([room.freeBytes, room.owners]).toEqual([100, 0])
  })

  test('goes with its age, with its stream and with its session', () => {
    const room = new ResumeRoom(100)
    const store = new ResumeStore(room, 100)
    const [old, young] = [stream(), stream()]
    store.keep(old, 1, frame(10), 1000)
    store.keep(young, 1, frame(10), 2000)
    store.expire(1001)
    expect([old.lostTo, young.lostTo, store.bytes]).toEqual([1, 0, 10])
    store.drop(young)
    store.keep(old, 2, frame(10), 3000)
    store.clear()
    expect([young.lostTo, old.lostTo, store.bytes, room.freeBytes]).toEqual([1, 2, 0, 100])
  })
})
