import { sampleConfig } from '../config/sample.ts'
import { configMarkdown } from '../config/table.ts'
import { addConfigFlags, loadFromFlags } from './config-flags.ts'
import { configuredAccess } from './configured-access.ts'
import { DONE } from './exit.ts'
import { usageFailure } from './failure.ts'
import { eventTypesOf } from './serve/event-types.ts'
import { forwardsOf } from './serve/forwards.ts'
import { certificateOf } from './serve/hub-certificate.ts'
import type { Configure } from './verb.ts'

interface PrintOptions {
  sample?: true
  markdown?: true
  json?: true
}

export const configureConfig: Configure = (command, io, finish) => {
  const check = command.command('check').description('Say whether serve would start with this configuration')
  addConfigFlags(check)
  check.action(async () => {
    const loaded = loadFromFlags(check, io)
    const { warnings, file } = loaded
    configuredAccess(loaded)
    await eventTypesOf(loaded)
    forwardsOf(loaded)
    await certificateOf(loaded)
    for (const warning of warnings) await io.stderr.write(`mcp-sse: ${warning}\n`)
    await io.stdout.write(`The configuration is ok (${file ? `file ${file}` : 'no file'}).\n`)
    finish(DONE)
  })

  const print = command
    .command('print')
    .description('Print every value and where it comes from')
    .option('--sample', 'print a file to begin with instead')
    .option('--markdown', 'print the documentation of every key instead')
    .option('--json', 'as JSON, one key a line')
  addConfigFlags(print)
  print.action(async (options: PrintOptions) => {
    if (options.sample && options.markdown) {
      throw usageFailure('--sample and --markdown are two documents.', 'mcp-sse config print --sample')
    }
    if (options.sample) await io.stdout.write(sampleConfig())
    else if (options.markdown) await io.stdout.write(configMarkdown())
    else {
      const { entries, warnings } = loadFromFlags(print, io)
      for (const warning of warnings) await io.stderr.write(`mcp-sse: ${warning}\n`)
      const rows = entries.map(({ key, value = null, origin }) => ({ key: key.name, value, origin }))
      await io.stdout.write(
        options.json ? rows.map((row) => `${JSON.stringify(row)}\n`).join('') : columns(rows.map(toCells)),
      )
    }
    finish(DONE)
  })
}

function toCells({ key, value, origin }: { key: string; value: string | null; origin: string }): string[] {
  return [key, value ?? '(not set)', origin]
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1].map((column) => Math.min(48, Math.max(...rows.map((row) => row[column]!.length))))
  return rows.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`).join('')
}
