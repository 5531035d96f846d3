import { accessSync, constants, type Stats, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Config } from '../../config/config.ts'
import { type Imported, type ImportedEvent, importEvents, UnsettledImport } from '../../storage/archive.ts'
import { DONE, IO_ERROR } from '../exit.ts'
import { CommandFailure, failureOf, isBrokenPipe, usageFailure } from '../failure.ts'
import type { Io } from '../io.ts'
import { Progress } from '../progress.ts'
import { readLines } from '../stdin-lines.ts'
import type { Configure } from '../verb.ts'
import { addDataFlags, configOf, counted, hinted, seconds } from './data-directory.ts'
import { importedEvent } from './import-line.ts'
import { reachably } from './reachable.ts'

const HELP = `
The hub has to be stopped. Without a file, or with -, it reads stdin: a line an event, as log export writes them and as
POST /events takes them. All of it is added after what is there, or, when a line is refused, nothing. Times and ids stay;
ids that a hub made (evt_…) are made anew. An event whose id is there already is left out. What is imported counts as
received now: it is kept as long as if it had just been published.

Examples:
  mcp-sse log import events.ndjson
  gunzip -c day.ndjson.gz | mcp-sse log import - --data-dir /var/lib/mcp-sse
`

export const configureLogImport: Configure = (command, io, finish) => {
  addDataFlags(command)
  command.option('--json', 'print what was imported as JSON').addHelpText('after', HELP)
  command.action(async (file: string | undefined, { json }: { json?: true }) => {
    const source = sourceOf(file, io)
    const config = configOf(command, io)
    const code = await reachably(config.dataDir, io)
    if (code !== undefined) return finish(code)
    const began = performance.now()
    const hints = {
      'log-locked': 'systemctl stop mcp-sse, then mcp-sse log import',
      'log-corrupt': 'mcp-sse log restore <a backup> --replace',
      'log-newer': 'mcp-sse version',
      'disk-full': 'mcp-sse log import --data-dir <a directory with more room>',
    }
    const result = await hinted(hints, () => importFrom(source, config, io)).catch(failed)
    const took = seconds(began)
    const rate = Math.round((result.events + result.duplicates) / Math.max(took, 0.001))
    const { events, duplicates, cursor = null, beyond, warnings } = result
    const text = json
      ? `${JSON.stringify({ events, duplicates, cursor, beyond, seconds: took })}\n`
      : told(result, took, rate)
    await io.stdout.write(text).catch((error) => {
      throw isBrokenPipe(error) ? error : untold(result, error)
    })
    for (const warning of warnings) await io.stderr.write(`mcp-sse: ${warning}\n`)
    finish(DONE)
  })
}

interface Source {
  name: string
  bytes: number | undefined
  read(): ReadableStream<Uint8Array>
}

function sourceOf(file: string | undefined, io: Io): Source {
  if (file === undefined || file === '-') {
    if (io.stdin.isTerminal) throw usageFailure('There is nothing to import.', 'mcp-sse log import events.ndjson')
    return { name: 'stdin', bytes: io.stdin.size, read: () => io.stdin.read() }
  }
  const path = resolve(io.cwd, file)
  const stat = readableFile(path, file)
  return { name: file, bytes: stat.isFile() ? stat.size : undefined, read: () => Bun.file(path).stream() }
}

function readableFile(path: string, name: string): Stats {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new CommandFailure(`There is no file ${name}.`, 'mcp-sse log import <a file that is there>')
  if (stat.isDirectory()) throw new CommandFailure(`${name} is a directory.`, 'mcp-sse log import <a file>', IO_ERROR)
  try {
    accessSync(path, constants.R_OK)
  } catch (error) {
    throw new CommandFailure(`You may not read ${name}.`, `sudo mcp-sse log import ${name}`, IO_ERROR, error)
  }
  return stat
}

async function importFrom({ name, bytes, read }: Source, config: Config, io: Io): Promise<Imported> {
  const progress = new Progress(io.stderr, bytes)
  let [taken, events] = [0, 0]
  const batches = async function* (): AsyncGenerator<ImportedEvent[]> {
    for await (const lines of readLines(read())) {
      for (const line of lines) taken += line.text.length + 1
      events += lines.length
      yield lines.map(importedEvent)
      await progress.update(taken, events)
    }
  }
  try {
    const all = batches()
    // Nothing is made, and nothing locked, for an input that has no events or begins with a line that is refused.
    const first = await all.next()
    if (first.done) return { events: 0, duplicates: 0, cursor: undefined, beyond: 0, warnings: [] }
    return await importEvents(
      { directory: config.dataDir, retention: config.retention, now: Date.now() },
      rest(first.value, all),
    )
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    throw new CommandFailure(error.message.replace(/^stdin/, name), 'mcp-sse log import --help', error.exitCode, error)
  } finally {
    // The import is done or not, whether or not the bar can be taken away.
    await progress.end().catch(() => {})
  }
}

async function* rest<T>(first: T, others: AsyncIterable<T>): AsyncGenerator<T> {
  yield first
  yield* others
}

function failed(error: unknown): never {
  const { message, hint, exitCode, cause } = failureOf(error)
  if (cause instanceof UnsettledImport) {
    throw new CommandFailure(message, `mcp-sse log export --since ${cause.before}`, exitCode, error)
  }
  throw new CommandFailure(
    `${message}\nNothing was imported.`,
    hint === 'mcp-sse --help' ? 'mcp-sse log import --help' : hint,
    exitCode,
    error,
  )
}

function untold({ events, cursor }: Imported, error: unknown): CommandFailure {
  const end = cursor === undefined ? '' : ` up to ${cursor}`
  const reason = error instanceof Error ? error.message : String(error)
  return new CommandFailure(
    `Imported: ${counted(events)}${end}. The output could not be written (${reason}).`,
    'mcp-sse log export --since 1m',
    IO_ERROR,
    error,
  )
}

function told({ events, duplicates, cursor, beyond }: Imported, took: number, rate: number): string {
  const skipped = duplicates > 0 ? `, ${duplicates} were there already` : ''
  const end = cursor === undefined ? '' : `, up to ${cursor}`
  const removed =
    beyond > 0
      ? `The next start removes the oldest ${beyond} or more: retention allows no more (retention.max_events, max_bytes).\n`
      : ''
  return `${counted(events)} imported${skipped}${end}, in ${took} s (${rate}/s)\n${removed}`
}
