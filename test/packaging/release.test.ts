import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { version } from '../../package.json'
import { install, platformHere, releaseSite } from '../support/release-site.ts'
import { until } from '../support/until.ts'

const ROOT = resolve(import.meta.dir, '../..')
const URL_OF_RELEASE = 'https://downloads.example/mcp-sse/1'
const file = `mcp-sse-${version}-${platformHere()}`

function release(...args: string[]) {
  const ended = Bun.spawnSync([process.execPath, 'run', 'packaging/release.ts', ...args], { cwd: ROOT })
  return { exitCode: ended.exitCode, output: `${ended.stdout}${ended.stderr}` }
}

let dir: string
let out: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'mcp-sse-release-'))
  out = join(dir, 'out')
  mkdirSync(out)
  writeFileSync(join(out, 'mcp-sse-0.0.1-linux-x64'), 'of another version')
  writeFileSync(join(out, 'notes.txt'), 'mine')
  const ended = release('--only', platformHere(), '--outdir', out, '--url', `${URL_OF_RELEASE}/`)
  expect(ended).toMatchObject({ exitCode: 0 })
}, 180_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('a release has the executable, the installer and their sums, and nothing of an earlier one', () => {
  expect(readdirSync(out).sort()).toEqual(['SHA256SUMS', 'install.sh', file, 'notes.txt'])
  const sums = readFileSync(join(out, 'SHA256SUMS'), 'utf8')
  expect(sums.match(/^[0-9a-f]{64} {2}\S+$/gm)?.map((line) => line.slice(66))).toEqual(['install.sh', file])
  const checker = Bun.which('sha256sum') ? ['sha256sum'] : ['shasum', '-a', '256']
  expect(Bun.spawnSync([...checker, '-c', 'SHA256SUMS'], { cwd: out }).exitCode).toBe(0)
})

test('the installer of a release knows where it comes from', () => {
  expect(readFileSync(join(out, 'install.sh'), 'utf8')).toContain(`\nDOWNLOAD_URL='${URL_OF_RELEASE}'\n`)
})

test('the executable that was installed from it serves in an empty directory', async () => {
  const home = join(dir, 'home')
  mkdirSync(join(home, 'empty'), { recursive: true })
  const files = ['SHA256SUMS', file].map((name) => [name, () => new Response(Bun.file(join(out, name)))])
  await using site = releaseSite(Object.fromEntries(files))
  const installed = await install({ home, env: { MCP_SSE_DOWNLOAD_URL: site.url } })
  expect(installed.stderr).toContain(`mcp-sse ${version} (Bun ${Bun.version}) is in `)
  const hub = Bun.spawn([join(home, 'bin/mcp-sse'), 'serve', '--port', '0'], {
    cwd: join(home, 'empty'),
    env: { HOME: home },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  let said = ''
  const reading = (async () => {
    for await (const text of hub.stdout.pipeThrough(new TextDecoderStream())) said += text
  })()
  try {
    const address = await until('it listens', () => /127\.0\.0\.1:\d+(?=\D)/.exec(said)?.[0])
    const answer = await fetch(`http://${address}/events/a`, { method: 'POST', body: 'b' })
    expect(answer.status).toBe(201)
  } finally {
    hub.kill()
  }
  expect(await hub.exited).toBe(0)
  await reading
  expect(await new Response(hub.stderr).text()).toBe('')
  expect(readdirSync(join(home, 'empty'))).toEqual([])
})

test('a platform there is no executable for, and an address that is no https URL, build nothing', () => {
  const nowhere = join(dir, 'nowhere')
  expect(release('--only', 'plan9-x64', '--outdir', nowhere)).toEqual({
    exitCode: 1,
    output: expect.stringContaining('there is no platform plan9-x64; there are linux-x64, linux-arm64,'),
  })
  for (const url of ['http://downloads.example', "https://downloads.example/'; rm -rf ~; '"]) {
    const ended = release('--only', platformHere(), '--outdir', nowhere, '--url', url)
    expect(ended).toEqual({ exitCode: 1, output: 'release: --url is not an https URL.\n' })
  }
  expect(readdirSync(dir)).not.toContain('nowhere')
})
