import * as plain from 'node:http'
import * as secure from 'node:https'

export interface Published {
  taken: number
  /** 503: they know that it was not taken, and stop. */
  refused: number
  /** Nobody listened: they know as much, and stop. */
  nobody: number
  /** The connection was reset before the answer: they cannot know. */
  reset: number
}

const PAUSE_MS = 2

/** A process of publishers, each of which sends one request after the other on a connection that it keeps. */
export class BusyPublishers {
  readonly #child

  /**
   * @param url `https://127.0.0.1:3000/events/busy`; its certificate is not checked
   * @param farewellMs A connection that was quiet for so long may be closed by its server: a reset is no fault then, and not counted
   */
  constructor(url: string, count: number, farewellMs = Number.POSITIVE_INFINITY) {
    const args = [url, String(count), String(farewellMs)]
    this.#child = Bun.spawn(['bun', import.meta.path, ...args], { stdin: 'pipe', stdout: 'pipe' })
  }

  async stop(): Promise<Published> {
    this.#child.stdin.end()
    return JSON.parse(await new Response(this.#child.stdout).text()) as Published
  }
}

type Agent = plain.Agent

function publish(url: string, agent: Agent): Promise<keyof Published> {
  const { request } = url.startsWith('https:') ? secure : plain
  const { promise, resolve } = Promise.withResolvers<keyof Published>()
  const asked = request(url, { method: 'POST', agent, rejectUnauthorized: false }, (answer) => {
    answer.resume()
    answer.on('end', () => resolve(answer.statusCode === 201 ? 'taken' : 'refused'))
    answer.on('error', () => resolve('reset'))
  })
  asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? 'nobody' : 'reset'))
  asked.end('x')
  return promise
}

if (import.meta.main) {
  const [url = '', count = '1', farewellMs = 'Infinity'] = process.argv.slice(2)
  const published: Published = { taken: 0, refused: 0, nobody: 0, reset: 0 }
  let over = false
  const work = async (): Promise<void> => {
    const options = { keepAlive: true, maxSockets: 1 }
    const agent = url.startsWith('https:') ? new secure.Agent(options) : new plain.Agent(options)
    let answered = performance.now()
    while (!over) {
      const became = await publish(url, agent)
      const quietMs = performance.now() - answered
      answered += quietMs
      // This process stood still.
      if (became === 'reset' && quietMs >= Number(farewellMs)) continue
      published[became]++
      if (became === 'refused' || became === 'nobody') return
      await Bun.sleep(PAUSE_MS)
    }
  }
  const all = Promise.all(Array.from({ length: Number(count) }, work))
  await new Response(Bun.stdin.stream()).text()
  over = true
  await all
  process.stdout.write(JSON.stringify(published))
  process.exit()
}
