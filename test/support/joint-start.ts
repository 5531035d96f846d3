import { readFileSync } from 'node:fs'
import { HubError } from '../../src/core/errors.ts'
import { listen } from '../../src/http/listen.ts'
import { servedHub } from './served-hub.ts'

/**
 * A program: `joint-start.ts CERT KEY`. For each line `PORT MS` it listens there for https at that time since 1970, and
 * prints `listens` or the code of the refusal; for an empty line it stops that, and prints `stopped`.
 */
if (import.meta.main) {
  const [cert = '', key = ''] = process.argv.slice(2).map((path) => readFileSync(path, 'utf8'))
  const served = await servedHub()
  let listeners: Awaited<ReturnType<typeof listen>> | undefined
  process.stdout.write('ready\n')
  for await (const line of console) {
    if (line === '') {
      await listeners?.cutOff()
      listeners = undefined
      process.stdout.write('stopped\n')
      continue
    }
    const [port = 0, at = 0] = line.split(' ').map(Number)
    while (Date.now() < at) {}
    try {
      const options = { app: served.newApp, hosts: ['127.0.0.1'], onMissing: () => {} }
      listeners = await listen({ ...options, port, tls: { cert, key } })
      process.stdout.write('listens\n')
    } catch (error) {
      process.stdout.write(`${error instanceof HubError ? error.code : String(error)}\n`)
    }
  }
}
