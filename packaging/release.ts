import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { version } from '../package.json'
import { buildExecutable } from './executable.ts'
import { RELEASE_TARGETS, releaseFile } from './release-targets.ts'

/**
 * `bun run release [--only linux-x64]… [--url https://where.it/will/be] [--outdir dist/release]`: one executable for each
 * platform, install.sh, which with `--url` knows where it comes from, and SHA256SUMS of all of them.
 * Bun fetches the runtimes of other platforms from the npm registry once and keeps them in its cache.
 */

const ROOT = resolve(import.meta.dir, '..')
const NO_URL = /^DOWNLOAD_URL=''$/m

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    url: { type: 'string' },
    outdir: { type: 'string', default: join(ROOT, 'dist/release') },
  },
})

function fail(sentence: string): never {
  console.error(`release: ${sentence}`)
  process.exit(1)
}

const names = RELEASE_TARGETS.map(({ name }) => name)
const unknown = values.only?.find((name) => !names.includes(name))
if (unknown !== undefined) fail(`there is no platform ${unknown}; there are ${names.join(', ')}.`)
// It becomes a word of a shell script.
if (values.url !== undefined && !/^https:\/\/[\w.:/%~-]+$/.test(values.url)) fail('--url is not an https URL.')

const outdir = resolve(values.outdir)
mkdirSync(outdir, { recursive: true })
// What an earlier run left would be of another version, or have no sum.
for (const old of readdirSync(outdir)) {
  if (/^mcp-sse-|^SHA256SUMS$|^install\.sh$/.test(old)) rmSync(join(outdir, old))
}

const files: string[] = []
for (const target of RELEASE_TARGETS) {
  if (values.only && !values.only.includes(target.name)) continue
  const file = releaseFile(version, target)
  const code = buildExecutable(join(outdir, file), target.bun)
  if (code !== 0 || !existsSync(join(outdir, file))) {
    fail(`${file} was not built. If its runtime cannot be fetched here, say --only for the others.`)
  }
  files.push(file)
}

const script = readFileSync(join(ROOT, 'packaging/install.sh'), 'utf8')
const installer = values.url ? script.replace(NO_URL, `DOWNLOAD_URL='${values.url.replace(/\/+$/, '')}'`) : script
if (values.url && installer === script) fail('packaging/install.sh has no line for the URL.')
writeFileSync(join(outdir, 'install.sh'), installer)
chmodSync(join(outdir, 'install.sh'), 0o755)
files.push('install.sh')

// As sha256sum and shasum write and check it: digest, two spaces, name.
const sums = files.toSorted().map((file) => `${sha256(join(outdir, file))}  ${file}\n`)
writeFileSync(join(outdir, 'SHA256SUMS'), sums.join(''))
console.log(`${outdir}:\n${sums.join('')}`)

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}
