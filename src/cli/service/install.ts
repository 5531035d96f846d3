import { resolve } from 'node:path'
import type { Config } from '../../config/config.ts'
import { isLoopback } from '../../config/host.ts'
import { DONE } from '../exit.ts'
import type { Io } from '../io.ts'
import type { Configure } from '../verb.ts'
import { type Places, placesBelow, UNIT } from './places.ts'
import { type Plan, planInstallation } from './plan.ts'
import { requireSystemd, systemctl } from './systemd.ts'

export interface InstallOptions {
  root?: string
  dryRun?: true
  json?: true
}

const HELP = `
The service runs as a user of its own, writes only to /var/lib/mcp-sse and lets in who has the key that is made here;
\`mcp-sse service print\` shows how. Installing again puts this executable in the place of the one that runs.
`

export const configureServiceInstall: Configure = (command, io, finish) => {
  command
    .option('--root <dir>', 'below this directory (an image), where nothing is started')
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'print what was done, and a new key, as JSON')
    .addHelpText('after', HELP)
  command.action(async (options: InstallOptions) => {
    await install(options, io)
    finish(DONE)
  })
}

async function install({ root = '/', dryRun, json }: InstallOptions, io: Io): Promise<void> {
  const places = placesBelow(resolve(io.cwd, root))
  const here = places.root === '/'
  if (here && !dryRun) requireSystemd('install')
  const plan = planInstallation(places, runningExecutable())
  for (const warning of plan.warnings) await io.stderr.write(`mcp-sse: ${warning}\n`)
  if (!dryRun) for (const step of plan.steps) step.act()
  const starts = [`systemctl enable ${UNIT}`, `systemctl restart ${UNIT}`]
  const done = plan.steps.map((step) => step.says)
  if (json) await io.stdout.write(`${JSON.stringify(documentOf(places, plan, dryRun === true))}\n`)
  else await io.stdout.write(dryRun ? intended([...done, ...(here ? starts : [])]) : told(done, places, plan))
  if (dryRun) return
  if (!here) {
    await io.stderr.write(`Try: systemctl --root=${places.root} enable ${UNIT}\n`)
    return
  }
  await systemctl(['daemon-reload'], 'systemctl daemon-reload')
  await systemctl(['enable', UNIT], `systemctl enable ${UNIT}`)
  // Returns when it listens, or did not come to it.
  await systemctl(['restart', UNIT], `journalctl -u ${UNIT} -n 20`)
  await io.stderr.write(`mcp-sse: ${UNIT} runs and will after every boot. Its log: journalctl -u mcp-sse -f\n`)
}

/** The compiled one; `undefined` when the runtime reads files. */
function runningExecutable(): string | undefined {
  return import.meta.path.startsWith('/$bunfs/') ? process.execPath : undefined
}

function documentOf(places: Places, { steps, key, config }: Plan, dryRun: boolean) {
  return {
    dryRun,
    did: steps.map((step) => step.says),
    unit: places.unit,
    executable: places.executable,
    settings: places.settings,
    data: config.durability === 'memory' ? null : config.dataDir,
    url: `${config.tls ? 'https' : 'http'}://${placeOf(config)}`,
    // What is not made is not told either.
    key: dryRun ? null : (key ?? null),
    keyFile: places.key,
  }
}

function intended(steps: readonly string[]): string {
  return `It would:\n${steps.map((step) => `  ${step}\n`).join('')}Nothing is changed.\n`
}

/** A key is printed now or never. */
function told(done: readonly string[], { key: file }: Places, { key, config }: Plan): string {
  const place = config.tls ? `https://${placeOf(config)}` : placeOf(config)
  const lines = done.length > 0 ? ['Done:', ...done.map((step) => `  ${step}`)] : ['All files are as they should be.']
  const header = `-H "Authorization: Bearer $MCP_SSE_KEY"`
  return [
    ...lines,
    config.durability === 'memory'
      ? 'Events will be in memory only, and gone with the process (durability).'
      : `Events will be in ${config.dataDir}.`,
    key === undefined ? `The key is the one in ${file}.` : `The key, which is not shown again (it is in ${file}):`,
    '',
    `  export MCP_SSE_KEY=${key ?? `$(cat ${file})`}`,
    `  curl ${header} -d 'hello' ${place}/events/greetings`,
    '',
    '',
  ].join('\n')
}

/** Where the example finds the hub. */
function placeOf({ hosts, port }: Config): string {
  const local = hosts.find((host) => isLoopback(host) || host === '0.0.0.0' || host === '::')
  const [first] = hosts
  const name = local !== undefined || !first ? 'localhost' : first.includes(':') ? `[${first}]` : first
  return `${name}:${port}`
}
