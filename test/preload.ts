import { afterAll, afterEach } from 'bun:test'
import { searchNetwork } from './support/searched-network.ts'
import { takeFinds } from './support/secrets.ts'

/** Runs before the first test file: every secret of the run is searched for in what servers answer, write and report. */

searchNetwork()

function refuseFinds(): void {
  const finds = takeFinds()
  if (finds.length === 0) return
  throw new Error(
    `Secrets where none may be:\n${finds.map(({ place, secret }) => `  ${secret} in ${place}`).join('\n')}`,
  )
}

// The test that ran when it was found fails; what came after the last test fails the run.
afterEach(refuseFinds)
afterAll(refuseFinds)
