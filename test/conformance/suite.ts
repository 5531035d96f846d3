import { readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { tempDir } from '../support/temp-dir.ts'

export const REVISIONS = ['2025-11-25', '2026-07-28'] as const
export type Revision = (typeof REVISIONS)[number]

/** One thing a scenario looked at, as the suite reports it. */
export interface Check {
  id: string
  description: string
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
  errorMessage?: string
}

export interface Scenario {
  name: string
  checks: readonly Check[]
}

export interface SuiteRun {
  /** 0: everything the revision requires was found. */
  exitCode: number
  scenarios: readonly Scenario[]
}

/** Ten times what it takes on a machine that does nothing else. */
const TIMEOUT_MS = 120_000
const SUITE = join(
  dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json')),
  'dist/index.js',
)

/** Runs the official suite against the server at `url`. @throws Error when it did not run to its end */
export async function runSuite(url: string, revision: Revision): Promise<SuiteRun> {
  using results = tempDir()
  const child = Bun.spawn(
    [process.execPath, SUITE, 'server', '--url', url, '--requirements', revision, '--output-dir', results.path],
    { cwd: results.path, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS, killSignal: 'SIGKILL' },
  )
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  const exitCode = await child.exited
  const announced = Number(/^Running .*\((\d+) scenarios\)/m.exec(stdout)?.[1])
  const scenarios = await readResults(results.path)
  // Else a scenario that is not there could not fail.
  if (announced !== scenarios.length) {
    throw new Error(`The suite left ${scenarios.length} of ${announced} results.\n${stdout.slice(-4000)}${stderr}`)
  }
  return { exitCode, scenarios }
}

/** `server-tools-list-2026-11-22T12-00-00-000Z/checks.json` */
const DIRECTORY = /^server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/

async function readResults(path: string): Promise<Scenario[]> {
  const scenarios: Scenario[] = []
  for (const directory of (await readdir(path)).sort()) {
    const name = DIRECTORY.exec(directory)?.[1]
    if (name) scenarios.push({ name, checks: await readChecks(join(path, directory, 'checks.json')) })
  }
  return scenarios
}

async function readChecks(path: string): Promise<Check[]> {
  const file = Bun.file(path)
  if (await file.exists()) return file.json()
  return [{ id: 'no-result', description: 'The scenario ended by an exception', status: 'FAILURE' }]
}
