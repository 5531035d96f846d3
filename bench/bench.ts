import type { Contender } from './contenders/contender.ts'
import type { Tools } from './load/tools.ts'
import type { Figure } from './row.ts'
import { Server } from './server.ts'

/** How much is measured. A quick run checks that everything works; its numbers are no result. */
export interface Effort {
  quick: boolean
  /** Interleaved rounds: each contender is measured once a round, in alternating order. */
  rounds: number
  /** Seconds of load in one measurement, after a warm-up of `warmUp`. */
  seconds: number
  warmUp: number
  /** Readers of the fan-out rows, and of the rows about many idle ones. */
  readers: number
  manyReaders: number
  replayEvents: number
  starts: number
  crashRounds: number
}

export interface Bench {
  effort: Effort
  tools: Tools
  /** Present and shown to deliver: ours first, then the floor, then peers. */
  contenders: Contender[]
  /** An executable of an earlier commit, to compare with. */
  before: string | undefined
  say(line: string): void
}

export function contender(bench: Bench, name: string): Contender | undefined {
  return bench.contenders.find((candidate) => candidate.name === name)
}

/**
 * Measures every contender once a round, all servers running at the same time (an idle one costs nothing), the order
 * turned round in every second round. A contender that fails is dropped from the row with a line; ours is not excused.
 */
export async function interleave(
  bench: Bench,
  contenders: readonly Contender[],
  measure: (server: Server) => Promise<number>,
): Promise<Figure[]> {
  const servers: Server[] = []
  const figures = new Map<string, Figure>(contenders.map(({ name }) => [name, { name, samples: [] }]))
  try {
    for (const candidate of contenders) servers.push(await Server.start(candidate))
    for (let round = 0; round < bench.effort.rounds; round++) {
      const order = round % 2 === 0 ? servers : [...servers].reverse()
      for (const server of order) {
        const figure = figures.get(server.name)!
        if (figure.note) continue
        try {
          figure.samples.push(await measure(server))
        } catch (error) {
          if (server.name === 'mcp-sse') throw error
          figure.note = `failed: ${(error as Error).message}`
          bench.say(`  ${server.name} ${figure.note}`)
        }
      }
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
  return [...figures.values()]
}
