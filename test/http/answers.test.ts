import { describe, expect, test } from 'bun:test'
import { LOCAL } from '../../src/core/principal.ts'
import { Answers } from '../../src/http/answers.ts'

const KIB = 1024

describe('memory for what is read into an answer of another protocol', () => {
  test('is held from before the look-up until it is given back, which may be done twice', async () => {
    const answers = new Answers(1024 * KIB)
    const { room, release } = answers.reading(LOCAL)
    expect(answers.held).toBeGreaterThan(0)
    let during = 0
    await room.step(100 * KIB, async () => {
      during = answers.held
    })
    expect(during).toBeGreaterThan(600 * KIB)
    expect(answers.held).toBe(during)
    release()
    release()
    expect(answers.held).toBe(0)
  })

  test('is of the same room as answers, and refused when there is none', async () => {
    const answers = new Answers(600 * KIB)
    const [first, second] = [answers.reading(LOCAL), answers.reading(LOCAL)]
    await first.room.step(0, async () => {})
    expect(() => second.room.step(100 * KIB, async () => {})).toThrow('Too many answers are being read at once')
    first.release()
    await second.room.step(0, async () => {})
    second.release()
    expect(answers.held).toBe(0)
    expect(() => new Answers(1).reading(LOCAL)).toThrow('try again in a moment')
  })
})
