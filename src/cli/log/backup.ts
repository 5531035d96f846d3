import { resolve } from 'node:path'
import { backUp } from '../../storage/archive.ts'
import { DONE } from '../exit.ts'
import type { Configure } from '../verb.ts'
import { addDataFlags, configOf, counted, hinted, mebibytes, SECRET_FILES, seconds } from './data-directory.ts'
import { reachably } from './reachable.ts'

interface BackupOptions {
  eventsOnly?: true
  force?: true
  json?: true
}

const HELP = `
The backup is a directory for its owner only, complete and verified, or not there. It holds secrets (the key of tickets,
the secrets of webhooks), but not the configuration. Run it as the user of the hub, or as root: then to a directory that
only root may change.

Examples:
  mcp-sse log backup "/var/backups/mcp-sse-$(date +%F)"
  mcp-sse log backup latest --force --data-dir /var/lib/mcp-sse
`

export const configureLogBackup: Configure = (command, io, finish) => {
  addDataFlags(command)
  command
    .option('--events-only', 'without webhooks and secrets')
    .option('--force', 'replace the backup that is there')
    .option('--json', 'print what was written as JSON')
    .addHelpText('after', HELP)
  command.action(async (to: string, { eventsOnly, force, json }: BackupOptions) => {
    const { dataDir } = configOf(command, io)
    const code = await reachably(dataDir, io)
    if (code !== undefined) return finish(code)
    const began = performance.now()
    const path = resolve(io.cwd, to)
    const hints = {
      'not-found': 'mcp-sse log backup DIRECTORY --data-dir <where the hub keeps its events>',
      'invalid-arguments': 'mcp-sse log backup <a directory that is not there yet>',
      'log-unwritable': 'mcp-sse log backup <a directory below one of yours>',
      'log-corrupt': 'mcp-sse log restore <an earlier backup> --replace',
      'log-newer': 'mcp-sse version',
      'log-failed': 'mcp-sse serve',
      'log-closed': 'mcp-sse log backup DIRECTORY',
      'disk-full': 'mcp-sse log backup <a directory on a disk with more room>',
    }
    const interrupted = new AbortController()
    const deaf = io.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], () => interrupted.abort())
    const manifest = await hinted(hints, () =>
      backUp({
        directory: dataDir,
        to: path,
        secrets: SECRET_FILES,
        eventsOnly: eventsOnly === true,
        replace: force === true,
        now: new Date(),
        interrupted: interrupted.signal,
      }),
    ).finally(deaf)
    const { events, cursor, files } = manifest
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    const took = seconds(began)
    const names = files.map(({ name }) => name)
    await io.stdout.write(
      json
        ? `${JSON.stringify({ path, events, bytes, cursor, files: names, seconds: took })}\n`
        : `${path}: ${counted(events)} up to ${cursor}, ${mebibytes(bytes)} in ${took} s (${names.join(', ')})\n`,
    )
    finish(DONE)
  })
}
