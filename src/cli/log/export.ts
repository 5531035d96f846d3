import { resolve } from 'node:path'
import { parseCursor } from '../../core/cursor.ts'
import { parseDuration } from '../../core/duration.ts'
import { isTime } from '../../core/event-time.ts'
import { parseFilter } from '../../core/filter.ts'
import { eventLine } from '../../sse/encode.ts'
import { type ExportEnd, exportEvents } from '../../storage/archive.ts'
import { DONE } from '../exit.ts'
import { usageFailure } from '../failure.ts'
import type { Io } from '../io.ts'
import type { Configure } from '../verb.ts'
import { addDataFlags, configOf, counted, hinted, seconds } from './data-directory.ts'
import { outputFailure } from './output-failure.ts'
import { writeOutput } from './output-file.ts'

interface ExportOptions {
  type?: string[]
  since?: string
  until?: string
  output?: string
  json?: true
}

const HELP = `
A line an event, in log order: {"id", "cursor", "topic", "type", "time", "data"}, the data with the text it was published
with; a line break between two tokens of it is a space. It ends with the newest event there was when it began. Run it as
the user of the hub, or as root.

Examples:
  mcp-sse log export > events.ndjson
  mcp-sse log export 'orders/**' --since 24h -o orders.ndjson
  mcp-sse log export --since 2026-11-22T00:00:00Z --until 2026-11-23T00:00:00Z | gzip > day.ndjson.gz
`

export const configureLogExport: Configure = (command, io, finish) => {
  addDataFlags(command)
  command
    .option('-t, --type <type...>', 'only events of these types (order.* for a prefix)')
    .option('--since <start>', 'after this cursor; received at this time or later; a duration back from now')
    .option('--until <end>', 'up to this cursor; received before this time; a duration back from now')
    .option(
      '-o, --output <file>',
      'write this file, whole or not at all, for its owner only; or into a FIFO or a device',
    )
    .option('--json', 'with -o: print what was written as JSON; without, events are JSON anyway')
    .addHelpText('after', HELP)
  command.action(async (patterns: string[], options: ExportOptions) => {
    const now = Date.now()
    const asked = {
      filter: parseFilter(patterns, options.type ?? []),
      since: endOf('--since', options.since, now),
      until: endOf('--until', options.until, now),
    }
    const { dataDir } = configOf(command, io)
    const hints = {
      'not-found': 'mcp-sse log export --data-dir <where the hub keeps its events>',
      'log-corrupt': 'mcp-sse log restore <a backup> --replace',
      'log-newer': 'mcp-sse version',
      'log-failed': 'mcp-sse serve',
      'log-closed': 'mcp-sse log export -o FILE',
    }
    const began = performance.now()
    const lines = function* (): Generator<string> {
      for (const events of exportEvents({ directory: dataDir, ...asked })) {
        written += events.length
        yield events.map(eventLine).join('')
      }
    }
    let written = 0
    const file = options.output === undefined ? undefined : resolve(io.cwd, options.output)
    await hinted(hints, async () => {
      if (file !== undefined) return writeOutput(file, lines(), () => interruption(io))
      for (const text of lines()) await io.stdout.write(text)
    }).catch((error) => {
      throw outputFailure(error, file)
    })
    if (file !== undefined) await io.stdout.write(summary({ file, events: written }, began, options))
    finish(DONE)
  })
}

/** A terminal that is closed interrupts as well: what it leaves would hold events, and nobody would look for it. */
function interruption(io: Io): AbortSignal {
  const controller = new AbortController()
  io.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], () => controller.abort())
  return controller.signal
}

function summary(document: { file: string; events: number }, began: number, { json }: ExportOptions): string {
  const took = seconds(began)
  if (json) return `${JSON.stringify({ ...document, seconds: took })}\n`
  return `${document.file}: ${counted(document.events)} in ${took} s\n`
}

function endOf(flag: string, text: string | undefined, now: number): ExportEnd | undefined {
  if (text === undefined) return undefined
  if (parseCursor(text)) return { cursor: text }
  const duration = parseDuration(text)
  if (duration !== undefined) return { time: now - duration }
  if (isTime(text)) return { time: Date.parse(text) }
  throw usageFailure(
    `${flag} is a cursor, a time such as 2026-11-22T12:00:00Z, or a duration such as 24h.`,
    `mcp-sse log export ${flag} 24h`,
  )
}
