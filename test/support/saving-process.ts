import { StateFile } from '../../src/cli/subscribe/state-file.ts'

/** Saves one place after the other in the state file it is given, until it is killed. */
const state = StateFile.open(process.argv[2]!)
let offset = Number(state.start?.cursor.split('.')[1] ?? 0)
console.log('open')
while (true) {
  offset++
  state.save({ cursor: `${'e'.repeat(1 + (offset % 16))}.${offset}`, gap: false })
}
