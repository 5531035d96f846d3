import { existsSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { DONE } from '../exit.ts'
import type { Io } from '../io.ts'
import type { Configure } from '../verb.ts'
import type { InstallOptions } from './install.ts'
import { placesBelow, UNIT } from './places.ts'
import { requireSystemd, systemctl } from './systemd.ts'

export const configureServiceUninstall: Configure = (command, io, finish) => {
  command
    .option('--root <dir>', 'below this directory (an image), where nothing is stopped')
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'print what was done as JSON')
  command.action(async (options: InstallOptions) => {
    await uninstall(options, io)
    finish(DONE)
  })
}

async function uninstall({ root = '/', dryRun, json }: InstallOptions, io: Io): Promise<void> {
  const places = placesBelow(resolve(io.cwd, root))
  const here = places.root === '/'
  if (here && !dryRun) requireSystemd('uninstall')
  const found = existsSync(places.unit)
  if (found && !dryRun) {
    if (here) await systemctl(['disable', '--now', UNIT], `systemctl status ${UNIT}`)
    rmSync(places.unit)
    if (here) await systemctl(['daemon-reload'], 'systemctl daemon-reload')
  }
  // Settings and key are beside each other.
  const left = [places.data, places.settings, places.key, places.executable].filter((path) => existsSync(path))
  const document = { dryRun: dryRun === true, removed: found ? places.unit : null, left }
  await io.stdout.write(json ? `${JSON.stringify(document)}\n` : told(document, places.unit))
}

function told({ dryRun, removed, left }: { dryRun: boolean; removed: string | null; left: string[] }, unit: string) {
  const done = removed === null ? `There is no ${unit}.` : `${dryRun ? 'It would remove' : 'Removed'} ${unit}.`
  if (left.length === 0) return `${done}\n`
  return `${done} What stays, to be removed by hand if nobody needs it:\n${left.map((path) => `  ${path}\n`).join('')}`
}
