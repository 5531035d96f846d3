#!/usr/bin/env node
/**
 * What `npm install -g` puts on the path: npm brings Node.js, the hub runs on the Bun that came as a dependency.
 * Exit code and signals are those of the hub.
 */
import { spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const STUB_BYTES = 100_000
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Bun's own install script puts the program in place of a stub; where npm did not run it, it lies in a package beside. */
function bunPath() {
  if (process.versions.bun) return process.execPath
  const manifest = createRequire(import.meta.url).resolve('bun/package.json')
  const installed = join(dirname(manifest), 'bin/bun.exe')
  if (statSync(installed).size > STUB_BYTES) return installed
  const { resolve: find } = createRequire(manifest)
  for (const name of Object.keys(JSON.parse(readFileSync(manifest, 'utf8')).optionalDependencies)) {
    try {
      return find(`${name}/bin/bun${process.platform === 'win32' ? '.exe' : ''}`)
    } catch {
      // Of another platform.
    }
  }
  return installed
}

function fail(error) {
  process.stderr.write(`mcp-sse: Bun does not start (${error.code ?? error.message}).\nTry: npm rebuild bun\n`)
  process.exit(1)
}

function start() {
  // The directory it is started in has no say: neither its .env nor its bunfig.toml, which could preload code.
  const options = [`--config=${join(root, 'bunfig.toml')}`, '--no-env-file', '--no-install']
  try {
    return spawn(bunPath(), [...options, join(root, 'src/index.ts'), ...process.argv.slice(2)], { stdio: 'inherit' })
  } catch (error) {
    fail(error)
  }
}

const child = start()
const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
  process.on(signal, () => {
    // A terminal sends ^C to both, and the second one means: at once.
    if (signal !== 'SIGINT' || !atTerminal) child.kill(signal)
  })
}
child.on('error', fail)
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
