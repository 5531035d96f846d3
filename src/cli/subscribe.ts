import { resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { follow } from './client/follow.ts'
import { addHubFlags, hubClient } from './client/hub-client.ts'
import { DONE } from './exit.ts'
import { usageFailure } from './failure.ts'
import { Reaction } from './subscribe/reaction.ts'
import { held } from './subscribe/source.ts'
import { StateFile } from './subscribe/state-file.ts'
import { print, react } from './subscribe/taking.ts'
import type { Configure } from './verb.ts'

interface SubscribeOptions {
  url?: string
  json?: true
  type?: string[]
  since?: string
  last?: string
  count?: number
  follow: boolean
  exec?: string
  attempts?: number
  state?: string
}

const EXAMPLES = `
Examples:
  mcp-sse subscribe                             everything, from now on
  mcp-sse subscribe 'orders/*' --last 10        the newest ten, then live
  mcp-sse subscribe --since 1h --json           one JSON document a line
  mcp-sse subscribe jobs --type 'job.*' --count 1
  mcp-sse subscribe 'orders/**' --state orders.place --exec './handle-order'

With --exec the command runs in the shell, once for each event, one at a time: the event document on stdin; MCP_SSE_TOPIC,
MCP_SSE_TYPE, MCP_SSE_ID, MCP_SSE_CURSOR and MCP_SSE_TIME in its environment, MCP_SSE_GAP=1 after missed events,
MCP_SSE_KEY never. Exit code 0 is done; else it runs again after 1 s, 2 s, … 60 s. With --state the place is kept in the
file, and the next start goes on there: every event is handled at least once. Another start: echo earliest > FILE
`

export const configureSubscribe: Configure = (command, io, finish) => {
  addHubFlags(command)
  command
    .option('-t, --type <type>', 'only this type, or a prefix such as order.*; may be repeated', collect)
    .option('--since <place>', 'start at earliest, a cursor, a time or a duration ago (10m)')
    .option('--last <n>', 'start with the newest n')
    .option('--count <n>', 'end after n events', wholeNumber)
    .option('--no-follow', 'print what the log holds (the newest 100 without a start) and end')
    .option('--json', 'one event document a line')
    .option('--exec <command>', 'run this for each event until it succeeds, instead of printing')
    .option('--attempts <n>', 'with --exec: give an event up after n runs (default: never)', wholeNumber)
    .option('--state <file>', 'go on where the file says, and keep the place in it')
    .addHelpText('after', EXAMPLES)
  command.action(async (patterns: string[], options: SubscribeOptions) => {
    checkUsage(options)
    const hub = hubClient('subscribe', options, io)
    const query = queryOf(patterns, options)
    const state = options.state === undefined ? undefined : StateFile.open(resolve(io.cwd, options.state))
    try {
      if (state?.start) query.set('since', state.start.cursor)
      // A page of history that was cut short is no success: there a signal ends the process as ever.
      const stop = options.follow || options.exec ? io.untilInterrupted() : new AbortController().signal
      if (options.follow) query.set('envelope', '1')
      const source = options.follow ? follow(hub, query, stop) : held(hub, query, stop)
      const taking = { source, count: options.count ?? Number.POSITIVE_INFINITY, state, stop }
      const { exec: command, attempts = Number.POSITIVE_INFINITY } = options
      if (command === undefined) await print(taking, options.json === true, io)
      else await react(taking, new Reaction({ command, attempts, stop }, state?.start?.gap ?? false, io), io)
    } finally {
      state?.close()
    }
    finish(DONE)
  })
}

function checkUsage({ since, last, state, exec, attempts, json }: SubscribeOptions): void {
  if (since !== undefined && last !== undefined) {
    throw usageFailure('--since and --last are two different starts.', "mcp-sse subscribe 'orders/**' --last 10")
  }
  if (state !== undefined && (since !== undefined || last !== undefined)) {
    throw usageFailure(
      `--state goes on where the file says, ${since === undefined ? '--last' : '--since'} starts elsewhere.`,
      'echo earliest > FILE && mcp-sse subscribe --state FILE',
    )
  }
  if (exec !== undefined && exec.trim() === '') {
    throw usageFailure('--exec has no command.', "mcp-sse subscribe 'orders/**' --exec 'cat >> orders.ndjson'")
  }
  if (attempts !== undefined && exec === undefined) {
    throw usageFailure('--attempts is for --exec.', "mcp-sse subscribe --exec 'cat >> orders.ndjson' --attempts 5")
  }
  if (exec !== undefined && json) {
    throw usageFailure(
      '--json is for printing; the command of --exec is given the document as it is.',
      "mcp-sse subscribe 'orders/**' --exec 'cat >> orders.ndjson'",
    )
  }
}

function queryOf(patterns: readonly string[], { type = [], since, last }: SubscribeOptions): URLSearchParams {
  const query = new URLSearchParams(patterns.map((pattern) => ['topic', pattern]))
  for (const wanted of type) query.append('type', wanted)
  if (since !== undefined) query.set('since', since)
  if (last !== undefined) query.set('last', last)
  return query
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It is a whole number from 1.')
  return Number(text)
}
