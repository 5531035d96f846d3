import { resolve } from 'node:path'
import { restore } from '../../storage/archive.ts'
import { DONE } from '../exit.ts'
import type { Configure } from '../verb.ts'
import { addDataFlags, configOf, counted, hinted, SECRET_FILES, seconds } from './data-directory.ts'
import { reachably } from './reachable.ts'

interface RestoreOptions {
  replace?: true
  json?: true
}

const HELP = `
The hub has to be stopped. What it kept is moved aside, never deleted. A reader that is further than the backup is told
so with $gap; one that is not goes on as if nothing had been. Cut off at any moment, it leaves the old or the new.

Examples:
  mcp-sse log restore /var/backups/mcp-sse-2026-11-22
  mcp-sse log restore latest --replace --data-dir /var/lib/mcp-sse
`

export const configureLogRestore: Configure = (command, io, finish) => {
  addDataFlags(command)
  command
    .option('--replace', 'move what is there aside')
    .option('--json', 'print what was restored as JSON')
    .addHelpText('after', HELP)
  command.action(async (from: string, { replace, json }: RestoreOptions) => {
    const { dataDir } = configOf(command, io)
    const code = await reachably(dataDir, io)
    if (code !== undefined) return finish(code)
    const began = performance.now()
    const itself = resolve(io.cwd, from) === resolve(io.cwd, dataDir)
    const hints = {
      'not-found': 'mcp-sse log restore <a directory that log backup made>',
      'invalid-arguments': itself
        ? `mcp-sse log restore ${from} --data-dir <another directory>`
        : `mcp-sse log restore ${from} --replace`,
      'log-failed': 'mcp-sse serve',
      'log-locked': `systemctl stop mcp-sse, then mcp-sse log restore ${from}`,
      'log-corrupt': 'mcp-sse log restore <another backup>',
      'log-newer': 'mcp-sse version',
      'log-unwritable': `mcp-sse log restore ${from} --data-dir <a directory of yours>`,
      'disk-full': `mcp-sse log restore ${from} --data-dir <a directory with more room>`,
    }
    const { manifest, aside } = await hinted(hints, () =>
      restore({
        from: resolve(io.cwd, from),
        directory: dataDir,
        secrets: SECRET_FILES,
        replace: replace === true,
        now: new Date(),
      }),
    )
    const { made, events, cursor, files } = manifest
    const names = files.map(({ name }) => name)
    const document = { dataDir, made, events, cursor, files: names, aside: aside ?? null, seconds: seconds(began) }
    const moved = aside === undefined ? '' : `What was there before is in ${aside}\n`
    await io.stdout.write(
      json
        ? `${JSON.stringify(document)}\n`
        : `${dataDir}: ${counted(events)} up to ${cursor}, as of ${made} (${names.join(', ')})\n${moved}`,
    )
    finish(DONE)
  })
}
