import { InvalidArgumentError } from 'commander'
import { oneLine } from '../sse/encode.ts'
import { displayLine, plain, type ShownEvent } from './display.ts'
import { parseExact } from './exact-json.ts'
import { DONE } from './exit.ts'
import { usageFailure } from './failure.ts'
import { follow, parseControl, type StreamItem } from './follow.ts'
import { history } from './history.ts'
import { addHubFlags, type HubClient, hubClient } from './hub-client.ts'
import type { Io } from './io.ts'
import type { Configure } from './verb.ts'

interface SubscribeOptions {
  url?: string
  json?: true
  type?: string[]
  since?: string
  last?: string
  count?: number
  follow: boolean
}

const EXAMPLES = `
Examples:
  mcp-sse subscribe                             everything, from now on
  mcp-sse subscribe 'orders/*' --last 10        the newest ten, then live
  mcp-sse subscribe --since 1h --json           one JSON document a line
  mcp-sse subscribe jobs --type 'job.*' --count 1
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
    .addHelpText('after', EXAMPLES)
  command.action(async (patterns: string[], options: SubscribeOptions) => {
    if (options.since !== undefined && options.last !== undefined) {
      throw usageFailure('--since and --last are two different starts.', "mcp-sse subscribe 'orders/**' --last 10")
    }
    const hub = hubClient('subscribe', options, io)
    const query = queryOf(patterns, options)
    await (options.follow ? printLive(hub, query, options, io) : printHistory(hub, query, options, io))
    finish(DONE)
  })
}

function queryOf(patterns: readonly string[], { type = [], since, last }: SubscribeOptions): URLSearchParams {
  const query = new URLSearchParams(patterns.map((pattern) => ['topic', pattern]))
  for (const wanted of type) query.append('type', wanted)
  if (since !== undefined) query.set('since', since)
  if (last !== undefined) query.set('last', last)
  return query
}

async function printLive(hub: HubClient, query: URLSearchParams, options: SubscribeOptions, io: Io): Promise<void> {
  query.set('envelope', '1')
  let left = options.count ?? Number.POSITIVE_INFINITY
  for await (const items of follow(hub, query, io.untilInterrupted())) {
    let text = ''
    for (const item of items) {
      if (item.kind === 'event') {
        if (left-- > 0)
          text += options.json ? `${oneLine(item.json)}\n` : displayLine(parseExact(item.json) as ShownEvent)
        continue
      }
      const notice = noticeOf(item)
      if (notice) await io.stderr.write(`mcp-sse: ${notice}\n`)
    }
    if (text) await io.stdout.write(text)
    if (left <= 0) return
  }
}

async function printHistory(hub: HubClient, query: URLSearchParams, options: SubscribeOptions, io: Io): Promise<void> {
  let left = options.count ?? Number.POSITIVE_INFINITY
  for await (const { events, truncated } of history(hub, query)) {
    if (truncated) await io.stderr.write('mcp-sse: gap: events from here on were removed by retention.\n')
    const shown = events.slice(0, left)
    left -= shown.length
    const text = shown.map((event) => (options.json ? `${JSON.stringify(event)}\n` : displayLine(event as ShownEvent)))
    if (text.length > 0) await io.stdout.write(text.join(''))
    if (left <= 0) return
  }
}

/** What a person has to know, on stderr; `$open` and `$heartbeat` are routine. */
function noticeOf(item: Exclude<StreamItem, { kind: 'event' }>): string | undefined {
  if (item.kind === 'lost') {
    return `connection lost (${plain(item.reason)}), trying again in ${(item.waitMs / 1000).toFixed(1)} s`
  }
  const fields = parseControl(item.json)
  switch (item.name) {
    case '$gap':
      return `gap: events between ${plain(String(fields.requested))} and ${plain(String(fields.resumedFrom))} are missing (${plain(String(fields.reason))})`
    case '$error':
      // The end of the stream that follows says it.
      if (String(fields.code).startsWith('credential-')) return undefined
      return `${plain(String(fields.message))} [${plain(String(fields.code))}]`
    default:
      return undefined
  }
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It is a whole number from 1.')
  return Number(text)
}
