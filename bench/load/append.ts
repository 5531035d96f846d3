import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/**
 * What durability costs by itself: appends `bytes` to a file and syncs it, `perSecond` times a second for `seconds`.
 * Arguments: directory, bytes, perSecond, seconds. Prints the 99th percentile in milliseconds.
 */
const [directory, bytes, perSecond, seconds] = process.argv.slice(2)
const block = Buffer.alloc(Number(bytes), 'x')
const file = openSync(join(directory!, 'append'), 'a')
const taken: number[] = []
const began = performance.now()
for (let turn = 0; turn < Number(perSecond) * Number(seconds); turn++) {
  const wait = began + (turn * 1000) / Number(perSecond) - performance.now()
  if (wait > 0) await Bun.sleep(wait)
  const from = performance.now()
  writeSync(file, block)
  fsyncSync(file)
  taken.push(performance.now() - from)
}
closeSync(file)
taken.sort((a, b) => a - b)
console.log(JSON.stringify({ p99: taken[Math.floor(taken.length * 0.99)] ?? 0 }))
