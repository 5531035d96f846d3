import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import unit from '../../../packaging/systemd/mcp-sse.service' with { type: 'text' }
import { newApiKey } from '../../auth/api-keys.ts'
import type { Config } from '../../config/config.ts'
import { isThere } from '../../config/file.ts'
import { sampleConfig } from '../../config/sample.ts'
import { putFile } from '../../daemon/whole-file.ts'
import { CommandFailure } from '../failure.ts'
import type { Places } from './places.ts'
import { serviceConfig } from './service-config.ts'

/** One thing an installation does to files. */
export interface Step {
  /** Begins with a verb: `write …`. */
  says: string
  act(): void
}

export interface Plan {
  steps: readonly Step[]
  /** The key that is made; `undefined`: there is one. */
  key: string | undefined
  /** What the service will go by. */
  config: Config
  warnings: readonly string[]
}

/** What an installation at `places` would do. Changes nothing. @param program the executable that runs, if it is one */
export function planInstallation(places: Places, program: string | undefined): Plan {
  const key = isThere(places.key) ? undefined : newApiKey().key
  const { config, warnings } = serviceConfig(places, key)
  return {
    steps: [
      ...executableStep(places, program),
      ...(key ? [{ says: `make a key in ${places.key}`, act: () => put(places.key, `${key}\n`, 0o600) }] : []),
      ...settingsStep(places),
      ...unitStep(places),
    ],
    key,
    config,
    warnings,
  }
}

function executableStep({ executable }: Places, program: string | undefined): Step[] {
  if (program === undefined) {
    if (existsSync(executable)) return []
    throw new CommandFailure(
      `The service starts ${executable}, which is not there, and what runs now is no executable to copy.`,
      `install -m 755 <the downloaded mcp-sse> ${executable}`,
    )
  }
  if (existsSync(executable) && realpathSync(executable) === realpathSync(program)) return []
  return [{ says: `copy this executable to ${executable}`, act: () => put(executable, readFileSync(program), 0o755) }]
}

/** Read by the service, which is a user of its own, so that a key that is saved to it counts after a reload. */
function settingsStep({ settings }: Places): Step[] {
  if (isThere(settings)) return []
  return [{ says: `write ${settings}, all defaults`, act: () => put(settings, sampleConfig(), 0o644) }]
}

function unitStep({ unit: path }: Places): Step[] {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined
  if (before === unit) return []
  const write = { says: `write ${path}`, act: () => put(path, unit, 0o644) }
  if (before === undefined) return [write]
  return [{ says: `keep the unit of before as ${path}.old`, act: () => renameSync(path, `${path}.old`) }, write]
}

function put(path: string, content: string | Uint8Array, mode: number): void {
  const directory = dirname(path)
  if (!existsSync(directory)) mkdirSync(directory, { recursive: true, mode: 0o755 })
  putFile(path, content, mode)
}
