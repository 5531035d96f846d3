import { statelessHub } from './stateless-hub.ts'

/** The app in a process of its own: what it holds is its own. It says its port, and collects garbage at every line it reads. */
if (import.meta.main) {
  const served = await statelessHub({ limits: { connections: 10_000 } })
  process.stdout.write(`${served.port}\n`)
  for await (const _ of console) {
    for (let round = 0; round < 3; round++) {
      Bun.gc(true)
      await Bun.sleep(50)
    }
    process.stdout.write(`${process.memoryUsage.rss()} ${served.hub.connections}\n`)
  }
}
