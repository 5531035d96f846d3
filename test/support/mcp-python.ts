import { existsSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

const CACHE = resolve(import.meta.dir, '../../node_modules/.cache/python')

/** Versions of the official Python client on PyPI: the newest of each generation. */
export const PYTHON_CLIENTS = { v1: '1.30.0', v2: '2.3.0' }

/**
 * @returns a Python that can `import mcp` of this version; made at the first use and kept below `node_modules`. Processes
 * that make it at the same time make one each, and the first that is ready is kept.
 */
export async function pythonWithMcp(version: string): Promise<string> {
  const home = join(CACHE, `mcp-${version}`)
  const python = join(home, 'bin/python')
  // Written last: an installation that was cut off is made again.
  const complete = join(home, 'complete')
  if (existsSync(complete)) return python
  const own = `${home}-${process.pid}`
  await rm(own, { recursive: true, force: true })
  await run(['python3', '-m', 'venv', own], 'Install it with `apt-get install python3 python3-venv`.')
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `mcp==${version}`]
  await run([join(own, 'bin/python'), ...pip], 'The Python package index has to be reachable, once.')
  await writeFile(join(own, 'complete'), '')
  if (!existsSync(complete)) await rm(home, { recursive: true, force: true })
  // Whoever was first is not replaced: its Python may be running.
  await rename(own, home).catch(async (error) => {
    if (!existsSync(complete)) throw error
    await rm(own, { recursive: true, force: true })
  })
  return python
}

async function run(command: string[], remedy: string): Promise<void> {
  const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`${command.join(' ')} failed. ${remedy}\n${stdout}${stderr}`)
}
