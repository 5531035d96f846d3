import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseCursor } from '../../core/cursor.ts'
import { parseDuration } from '../../core/duration.ts'
import { isTime } from '../../core/event-time.ts'
import { parseFilter } from '../../core/filter.ts'
import { eventLine } from '../../sse/encode.ts'
import { type ExportEnd, exportEvents } from '../../storage/archive.ts'
import { DONE } from '../exit.ts'
import { usageFailure } from '../failure.ts'
import type { Configure } from '../verb.ts'
import { addDataFlags, configOf, counted, hinted, seconds } from './data-directory.ts'

interface ExportOptions {
  type?: string[]
  since?: string
  until?: string
  output?: string
  json?: true
}

const HELP = `
A line an event, in log order: {"id", "cursor", "topic", "type", "time", "data"}, the data with the text it was published
with. It ends with the newest event there was when it began. Run it as the user of the hub, or as root.

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
    .option('-o, --output <file>', 'write this file, whole or not at all, for its owner only')
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
    }
    const began = performance.now()
    const lines = function* (): Generator<string> {
      for (const events of exportEvents({ directory: dataDir, ...asked })) {
        written += events.length
        yield events.map(eventLine).join('')
      }
    }
    let written = 0
    await hinted(hints, async () => {
      if (options.output !== undefined) return writeFile(resolve(io.cwd, options.output), lines())
      for (const text of lines()) await io.stdout.write(text)
    })
    if (options.output !== undefined) {
      await io.stdout.write(summary({ file: resolve(io.cwd, options.output), events: written }, began, options))
    }
    finish(DONE)
  })
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

function writeFile(path: string, lines: Iterable<string>): void {
  const unfinished = `${path}.unfinished`
  // What one that was cut off has left; never through a link that somebody put there.
  rmSync(unfinished, { force: true })
  const file = openSync(unfinished, 'wx', 0o600)
  try {
    for (const text of lines) {
      const bytes = Buffer.from(text)
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
    }
    fsyncSync(file)
    renameSync(unfinished, path)
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
}
