import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RELEASE_TARGETS, releaseFile } from '../../packaging/release-targets.ts'
import { certificates } from '../support/certificates.ts'
import { install, installerText, pathWith, platformHere, releaseSite, sumLine } from '../support/release-site.ts'
import { tempDir } from '../support/temp-dir.ts'

const FILE = `mcp-sse-1.2.3-${platformHere()}`
/** Stands for the executable: the script only runs `version`. */
const PROGRAM = '#!/bin/sh\necho "mcp-sse 1.2.3 ($1)"\n'
const SUMS = RELEASE_TARGETS.map((target) => releaseFile('1.2.3', target))
  .map((name) => sumLine(name, name === FILE ? PROGRAM : name))
  .join('')

const shells = [['sh'], ['bash', '--posix'], ['busybox', 'sh'], ['dash']].filter(([shell]) => Bun.which(shell!))

/** Everything below `home/bin`, also what begins with a dot. */
function installed(home: string): string[] {
  return existsSync(join(home, 'bin')) ? readdirSync(join(home, 'bin')) : []
}

describe('the executable of this platform is installed after its sum was verified', () => {
  test.each(shells.map((shell) => [shell]))('by %j', async (shell) => {
    using dir = tempDir()
    await using site = releaseSite({ SHA256SUMS: SUMS, [FILE]: PROGRAM })
    const ended = await install({ home: dir.path, env: { MCP_SSE_DOWNLOAD_URL: site.url }, shell })
    const place = join(dir.path, 'bin/mcp-sse')
    expect(ended).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: `mcp-sse: fetching ${FILE}\nmcp-sse: mcp-sse 1.2.3 (version) is in ${place}\nTry: ${place} serve    (${join(dir.path, 'bin')} is not in your PATH)\n`,
    })
    expect(installed(dir.path)).toEqual(['mcp-sse'])
    expect(readFileSync(place, 'utf8')).toBe(PROGRAM)
    expect(statSync(place).mode & 0o777).toBe(0o755)
    expect(site.asked).toEqual(['SHA256SUMS', FILE])
  })

  test.each([[['curl', 'sha256sum']], [['curl', 'shasum']], [['wget', 'sha256sum']], [['wget', 'shasum']]])(
    'with %j alone',
    async (tools) => {
      if (!tools.every((tool) => Bun.which(tool))) return console.warn(`skipped: there is no ${tools.join(' or no ')}`)
      using dir = tempDir()
      await using site = releaseSite({ SHA256SUMS: SUMS, [FILE]: PROGRAM })
      const env = { PATH: pathWith(join(dir.path, 'path'), tools), MCP_SSE_DOWNLOAD_URL: `${site.url}/` }
      expect(await install({ home: dir.path, env })).toMatchObject({ exitCode: 0 })
      expect(installed(dir.path)).toEqual(['mcp-sse'])
    },
  )

  test.each([
    ['1000', '.local/bin/mcp-sse'],
    ['0', undefined],
  ])('without MCP_SSE_INSTALL_DIR the user %s has it in %s', async (uid, place) => {
    using dir = tempDir()
    await using site = releaseSite({ SHA256SUMS: SUMS, [FILE]: PROGRAM })
    const path = pathWith(join(dir.path, 'path'), ['curl', 'sha256sum'])
    rmSync(join(path, 'id'))
    writeFileSync(join(path, 'id'), `#!/bin/sh\necho ${uid}\n`, { mode: 0o755 })
    // Of root only where it would go is looked at: mkdir is the first thing that is done there.
    rmSync(join(path, 'mkdir'))
    const mkdir = place === undefined ? 'echo "$@"; exit 1' : `exec ${Bun.which('mkdir')} "$@"`
    writeFileSync(join(path, 'mkdir'), `#!/bin/sh\n${mkdir}\n`, { mode: 0o755 })
    const env = { MCP_SSE_DOWNLOAD_URL: site.url, MCP_SSE_INSTALL_DIR: '', PATH: path }
    const ended = await install({ home: dir.path, env })
    if (place === undefined) expect(ended).toMatchObject({ stdout: '-p /usr/local/bin\n', exitCode: 1 })
    else expect(readFileSync(join(dir.path, place), 'utf8')).toBe(PROGRAM)
  })
})

test.each([
  ['x86_64', '0', 'macos-x64', true],
  ['x86_64', '1', 'macos-arm64', false],
  ['arm64', '0', 'macos-arm64', false],
])('on a Mac %s (translated: %s) takes %s and signs it only when it does not verify', async (...told) => {
  const [machine, translated, platform, signed] = told
  using dir = tempDir()
  const file = `mcp-sse-1.2.3-${platform}`
  await using site = releaseSite({ SHA256SUMS: sumLine(file, PROGRAM), [file]: PROGRAM })
  const path = pathWith(join(dir.path, 'path'), ['curl', 'shasum'])
  rmSync(join(path, 'uname'))
  // What a Mac has and this machine may not: what they answer is all that the script goes by.
  const fakes = {
    uname: `[ "$1" = -s ] && echo Darwin || echo ${machine}`,
    sysctl: `echo ${translated}`,
    codesign: `[ "$1" = --force ] && touch "$HOME/signed" || ${signed ? 'exit 1' : 'exit 0'}`,
    touch: `exec ${Bun.which('touch')} "$@"`,
  }
  for (const [name, does] of Object.entries(fakes)) {
    writeFileSync(join(path, name), `#!/bin/sh\n${does}\n`, { mode: 0o755 })
  }
  const ended = await install({ home: dir.path, env: { MCP_SSE_DOWNLOAD_URL: site.url, PATH: path } })
  expect(ended).toMatchObject({ exitCode: 0 })
  expect(site.asked).toEqual(['SHA256SUMS', file])
  expect(existsSync(join(dir.path, 'signed'))).toBe(signed)
})

describe('nothing is installed, nothing is left and an older one stays, when', () => {
  const big = `${PROGRAM}#${'x'.repeat(200_000)}\n`
  const damaged = PROGRAM.replace('1.2.3', '6.6.6')
  const broken = '#!/bin/sh\necho "GLIBC_9.9 not found" >&2\nexit 1\n'

  test.each<[string, Record<string, string | (() => Response)>, RegExp]>([
    ['the file is another one', { SHA256SUMS: SUMS, [FILE]: damaged }, /has the SHA-256 [0-9a-f]{64} and not [0-9a-f]/],
    ['the file is shorter', { SHA256SUMS: sumLine(FILE, big), [FILE]: big.slice(0, 100_000) }, /has the SHA-256/],
    ['the file is empty', { SHA256SUMS: SUMS, [FILE]: '' }, /has the SHA-256 e3b0c442/],
    ['there are no sums', { [FILE]: PROGRAM }, /SHA256SUMS cannot be fetched, so nothing can be verified/],
    ['the sums are empty', { SHA256SUMS: '', [FILE]: PROGRAM }, /SHA256SUMS has nothing for/],
    ['the sums are a page', { SHA256SUMS: '<html>moved</html>', [FILE]: PROGRAM }, /SHA256SUMS has nothing for/],
    [
      'the sums are cut off in this line',
      { SHA256SUMS: sumLine(FILE, PROGRAM).slice(5), [FILE]: PROGRAM },
      /SHA256SUMS has nothing for/,
    ],
    [
      'this platform is not among them',
      { SHA256SUMS: sumLine('mcp-sse-1.2.3-plan9-x64', PROGRAM), [FILE]: PROGRAM },
      /SHA256SUMS has nothing for/,
    ],
    [
      'there are two versions',
      { SHA256SUMS: SUMS + SUMS.replaceAll('1.2.3', '1.3.0'), [FILE]: PROGRAM },
      /several versions/,
    ],
    ['the file is not there', { SHA256SUMS: SUMS }, /cannot be fetched; nothing was installed/],
    ['it does not run here', { SHA256SUMS: sumLine(FILE, broken), [FILE]: broken }, /GLIBC_9\.9 not found\n.*not run/],
  ])('%s', async (_, files, says) => {
    using dir = tempDir()
    await using site = releaseSite(files)
    mkdirSync(join(dir.path, 'bin'))
    writeFileSync(join(dir.path, 'bin/mcp-sse'), 'old')
    const ended = await install({ home: dir.path, env: { MCP_SSE_DOWNLOAD_URL: site.url } })
    expect([ended.exitCode, ended.stdout]).toEqual([1, ''])
    expect(ended.stderr).toMatch(says)
    expect(ended.stderr).toMatch(/othing was installed\.\nTry: [^\n]+\n$/)
    expect(installed(dir.path)).toEqual(['mcp-sse'])
    expect(readFileSync(join(dir.path, 'bin/mcp-sse'), 'utf8')).toBe('old')
  })

  test('the connection breaks, also behind a redirect', async () => {
    const half = `HTTP/1.1 200 OK\r\ncontent-length: ${big.length}\r\n\r\n${big.slice(0, 100_000)}`
    using elsewhere = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        data(socket) {
          socket.end(half)
        },
      },
    })
    const moved = () => Response.redirect(`http://127.0.0.1:${elsewhere.port}/${FILE}`)
    using dir = tempDir()
    await using site = releaseSite({ SHA256SUMS: sumLine(FILE, big), [FILE]: moved })
    const ended = await install({ home: dir.path, env: { MCP_SSE_DOWNLOAD_URL: site.url } })
    expect(ended.exitCode).toBe(1)
    expect(ended.stderr).toContain(`${FILE} cannot be fetched; nothing was installed.`)
    expect(installed(dir.path)).toEqual([])
  })

  test.each([
    ['there is no address', '', 'MCP_SSE_DOWNLOAD_URL is not set'],
    ['everyone on the way could change it', 'http://downloads.example', 'is not an https URL'],
    ['it only looks like this machine', 'http://127.0.0.1.example', 'is not an https URL'],
    ['it is no URL', 'downloads', 'is not an https URL'],
    ['this machine is only its user', 'http://localhost:x@downloads.example', 'is not an https URL'],
    ['this machine is only its user, with a number', 'http://127.0.0.1:80@downloads.example/1', 'is not an https URL'],
  ])('%s', async (_, url, says) => {
    using dir = tempDir()
    const ended = await install({ home: dir.path, env: { MCP_SSE_DOWNLOAD_URL: url } })
    expect(ended.exitCode).toBe(1)
    expect(ended.stderr).toContain(says)
    expect(ended.stderr).toContain('\nTry: ')
    expect(existsSync(join(dir.path, 'bin'))).toBe(false)
  })

  test.each([
    ['nothing downloads', ['sha256sum'], 'neither curl nor wget'],
    ['nothing makes sums', ['curl'], 'neither sha256sum nor shasum'],
  ])('%s', async (_, tools, says) => {
    using dir = tempDir()
    await using site = releaseSite({ SHA256SUMS: SUMS, [FILE]: PROGRAM })
    const env = { PATH: pathWith(join(dir.path, 'path'), tools), MCP_SSE_DOWNLOAD_URL: site.url }
    const ended = await install({ home: dir.path, env })
    expect(ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(says) })
    expect(installed(dir.path)).toEqual([])
  })

  test('the script itself was cut off, wherever', async () => {
    using dir = tempDir()
    await using site = releaseSite({ SHA256SUMS: SUMS, [FILE]: PROGRAM })
    const text = await installerText()
    const whole = text.trimEnd().length
    const lines = [...text.matchAll(/\n/g)].map(({ index }) => index)
    // After every line but the last, and inside the one that calls.
    const ends = [...lines.filter((end) => end < whole), whole - 'ain "$@"'.length, whole - ' "$@"'.length - 1]
    const env = { MCP_SSE_DOWNLOAD_URL: site.url }
    for (const end of ends) await install({ home: dir.path, env, script: text.slice(0, end) })
    expect(ends.length).toBeGreaterThan(100)
    expect(site.asked).toEqual([])
    expect(installed(dir.path)).toEqual([])
  })
})

describe('by https', () => {
  const issued = certificates()
  afterAll(() => issued[Symbol.dispose]())
  const own = issued.issue('IP:127.0.0.1')
  const files = { SHA256SUMS: SUMS, [FILE]: PROGRAM }

  /** With this downloader alone, which trusts the authority of these tests if `trusting`. */
  async function installBy(tool: 'curl' | 'wget' | 'busybox', home: string, url: string, trusting: boolean) {
    const path = pathWith(join(home, 'path'), ['sha256sum', ...(tool === 'busybox' ? [] : [tool])])
    if (tool === 'busybox') symlinkSync(Bun.which('busybox')!, join(path, 'wget'))
    writeFileSync(join(home, 'ca.pem'), issued.ca)
    writeFileSync(join(home, 'wgetrc'), `ca_certificate = ${join(home, 'ca.pem')}\n`)
    const trust = { CURL_CA_BUNDLE: join(home, 'ca.pem'), WGETRC: join(home, 'wgetrc') }
    return install({ home, env: { PATH: path, MCP_SSE_DOWNLOAD_URL: url, ...(trusting ? trust : {}) } })
  }

  describe.each(['curl', 'wget'] as const)('with %s', (tool) => {
    const absent = Bun.which(tool) === null

    test.skipIf(absent)(
      'what a trusted certificate vouches for is installed, also behind a redirect to https',
      async () => {
        using dir = tempDir()
        await using elsewhere = releaseSite(files, own)
        await using site = releaseSite({ ...files, [FILE]: () => Response.redirect(`${elsewhere.url}/${FILE}`) }, own)
        expect(await installBy(tool, dir.path, site.url, true)).toMatchObject({ exitCode: 0 })
        expect(installed(dir.path)).toEqual(['mcp-sse'])
        expect(elsewhere.asked).toEqual([FILE])
      },
    )

    test.skipIf(absent)('nothing of a server with a certificate of its own making is', async () => {
      using dir = tempDir()
      await using site = releaseSite(files, own)
      const ended = await installBy(tool, dir.path, site.url, false)
      expect([ended.exitCode, ended.stderr]).toEqual([1, expect.stringContaining('SHA256SUMS cannot be fetched')])
      expect(ended.stderr).toMatch(/certificate/i)
      expect([site.asked, installed(dir.path)]).toEqual([[], []])
    })

    test.skipIf(absent)('a redirect to http is not followed, and one that goes round comes to an end', async () => {
      using dir = tempDir()
      using round = tempDir()
      await using elsewhere = releaseSite(files)
      await using site = releaseSite({ ...files, [FILE]: () => Response.redirect(`${elsewhere.url}/${FILE}`) }, own)
      const ended = await installBy(tool, dir.path, site.url, true)
      expect(ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`${FILE} cannot be fetched`) })
      expect([elsewhere.asked, installed(dir.path)]).toEqual([[], []])
      await using circle = releaseSite({ SHA256SUMS: () => Response.redirect(`${circle.url}/SHA256SUMS`) }, own)
      expect(await installBy(tool, round.path, circle.url, true)).toMatchObject({ exitCode: 1 })
    })
  })

  test.skipIf(Bun.which('busybox') === null)(
    'BusyBox’s wget, which takes any certificate, is not asked, and it says what to install',
    async () => {
      using dir = tempDir()
      await using site = releaseSite(files, own)
      const ended = await installBy('busybox', dir.path, site.url, true)
      expect([ended.exitCode, ended.stderr]).toEqual([1, expect.stringContaining('does not check certificates')])
      expect(ended.stderr).toContain('\nTry: install curl')
      expect([site.asked, installed(dir.path)]).toEqual([[], []])
    },
  )
})

test.skipIf(Bun.which('shellcheck') === null)('shellcheck finds nothing in it, as POSIX sh', async () => {
  const script = new Blob([await installerText()])
  const checked = Bun.spawn(['shellcheck', '--shell=sh', '-'], { stdin: script, stdout: 'pipe' })
  expect(await new Response(checked.stdout).text()).toBe('')
  expect(await checked.exited).toBe(0)
})
