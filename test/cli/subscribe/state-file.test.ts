import { expect, test } from 'bun:test'
import { existsSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { StateFile } from '../../../src/cli/subscribe/state-file.ts'
import { runCommand, startCommand } from '../../support/command.ts'
import { envelope, opening, scriptedHub, stream } from '../../support/scripted-hub.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

/** As the first process of a container is: number 1, of a namespace of its own. It goes with who started it. */
const CONTAINED = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child']

async function canHaveNamespaces(): Promise<boolean> {
  if (process.platform !== 'linux' || !Bun.which('unshare')) return false
  return (await Bun.spawn([...CONTAINED, 'true'], { stdio: ['ignore', 'ignore', 'ignore'] }).exited) === 0
}

function placesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith('place'))
    .sort()
}

const SAVING = resolve(import.meta.dir, '../../support/saving-process.ts')

function saving(path: string) {
  return Bun.spawn([process.execPath, 'run', SAVING, path], { stdout: 'pipe', stderr: 'inherit' })
}

test('a place is kept for its owner alone, and is where the next one starts', () => {
  using dir = tempDir()
  const path = join(dir.path, 'place')
  const state = StateFile.open(path)
  expect(state.start).toBeUndefined()
  state.save({ cursor: 'abc.7', gap: true })
  expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['abc.7 gap\n', 0o600])
  state.close()
  const next = StateFile.open(path)
  expect(next.start).toEqual({ cursor: 'abc.7', gap: true })
  next.close()
  expect(placesIn(dir.path)).toEqual(['place', 'place.lock'])
  expect(statSync(`${path}.lock`)).toMatchObject({ size: 0, mode: 0o100600 })
})

test('the first place is kept at once, later ones within a second, and the last at the end', async () => {
  using dir = tempDir()
  const path = join(dir.path, 'place')
  const state = StateFile.open(path)
  const content = () => readFileSync(path, 'utf8')
  state.reach({ cursor: 'abc.1', gap: false })
  expect(content()).toBe('abc.1\n')
  state.reach({ cursor: 'abc.2', gap: false })
  state.reach({ cursor: 'abc.3', gap: false })
  expect(content()).toBe('abc.1\n')
  await until('the newest place', () => content() === 'abc.3\n')
  state.reach({ cursor: 'abc.4', gap: false })
  state.close()
  expect(content()).toBe('abc.4\n')
})

test('killed while it saves, the file holds a whole place, never an older one, and opens again', async () => {
  using dir = tempDir()
  const path = join(dir.path, 'place')
  let before = 0
  for (let kills = 0; kills < 8; kills++) {
    const child = saving(path)
    await until('some places', () => existsSync(path) && Number(readFileSync(path, 'utf8').split('.')[1]) > before + 5)
    child.kill('SIGKILL')
    await child.exited
    const content = readFileSync(path, 'utf8')
    expect(content).toMatch(/^e{1,16}\.\d+\n$/)
    const offset = Number(content.split('.')[1])
    expect(content).toBe(`${'e'.repeat(1 + (offset % 16))}.${offset}\n`)
    expect(offset).toBeGreaterThan(before)
    before = offset
  }
})

test('whoever reads the file while it is saved reads a whole place', async () => {
  using dir = tempDir()
  const path = join(dir.path, 'place')
  const child = saving(path)
  try {
    await until('the first place', () => existsSync(path))
    const seen = new Set<string>()
    const torn: string[] = []
    // Each save waits for the disk.
    await until('60 places to be seen', () => {
      for (let reads = 0; reads < 10_000 && seen.size < 60; reads++) {
        const content = readFileSync(path, 'utf8')
        if (!/^e{1,16}\.\d+\n$/.test(content)) torn.push(content)
        seen.add(content)
      }
      return seen.size === 60
    })
    expect(torn).toEqual([])
  } finally {
    child.kill('SIGKILL')
    await child.exited
  }
})

test('whoever opens the file while it is saved is told that it is in use, and nothing else', async () => {
  using dir = tempDir()
  const path = join(dir.path, 'place')
  const child = saving(path)
  try {
    await until('the first place', () => existsSync(path))
    const said = new Set<string>()
    for (let tries = 0; tries < 10_000; tries++) {
      try {
        StateFile.open(path).close()
      } catch (error) {
        said.add((error as Error).message)
      }
    }
    expect([...said]).toEqual([`${path} is in use by another mcp-sse; two would handle events twice.`])
  } finally {
    child.kill('SIGKILL')
    await child.exited
  }
}, 120_000)

test('of two processes on one file the second is refused, and goes ahead when the first was killed', async () => {
  await using hub = scriptedHub(() => stream({ frames: opening('abc.0') + envelope(1), end: false }))
  using dir = tempDir()
  const args = ['subscribe', '--url', hub.url, '--state', 'place']
  const first = startCommand(args, { cwd: dir.path })
  await until('the first place', () => existsSync(join(dir.path, 'place')))
  expect(await runCommand(args, { cwd: dir.path })).toEqual({
    stdout: '',
    stderr: `mcp-sse: ${dir.path}/place is in use by another mcp-sse; two would handle events twice.\nTry: mcp-sse subscribe --state <another file>\n`,
    exitCode: 1,
  })
  first.kill('SIGKILL')
  await first.exited
  expect(await runCommand([...args, '--count', '1'], { cwd: dir.path })).toMatchObject({ stderr: '', exitCode: 0 })
  expect(placesIn(dir.path)).toEqual(['place', 'place.lock'])
})

test.if(await canHaveNamespaces())(
  'a process that has the same number in another container is another one',
  async () => {
    using dir = tempDir()
    const path = join(dir.path, 'place')
    const contained = () =>
      Bun.spawn([...CONTAINED, process.execPath, 'run', SAVING, path], { stdout: 'pipe', stderr: 'pipe' })
    const first = contained()
    try {
      await until('the first place', () => existsSync(path))
      const second = contained()
      expect(await new Response(second.stderr).text()).toContain('is in use by another mcp-sse')
      expect(await second.exited).not.toBe(0)
    } finally {
      first.kill('SIGKILL')
      await first.exited
    }
  },
)

test('a file of somebody else is left as it is', () => {
  using dir = tempDir()
  for (const content of ['two words\n', 'bogus\n', 'a\nb\n', 'x'.repeat(5000)]) {
    const path = join(dir.path, 'place')
    writeFileSync(path, content)
    expect(() => StateFile.open(path)).toThrow('is not a file that --state wrote')
    expect(readFileSync(path, 'utf8')).toBe(content)
    expect(readFileSync(`${path}.lock`, 'utf8')).toBe('')
  }
  writeFileSync(join(dir.path, 'other.lock'), 'precious')
  expect(() => StateFile.open(join(dir.path, 'other'))).toThrow('other.lock is not a file that --state wrote')
  expect(readFileSync(join(dir.path, 'other.lock'), 'utf8')).toBe('precious')
  expect(() => StateFile.open('/dev/null')).toThrow('/dev/null is not a file that --state wrote, and is left alone.')
  expect(() => StateFile.open(join(dir.path, 'none', 'place'))).toThrow(
    'cannot keep the place of this subscriber (ENOENT)',
  )
})

test('what a link names is replaced, not the link, and a link in the way of the new file is not followed', () => {
  using dir = tempDir()
  const [real, link, victim] = ['real', 'link', 'victim'].map((name) => join(dir.path, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(real, 'abc.1\n')
  writeFileSync(victim, 'precious')
  symlinkSync(real, link)
  symlinkSync(victim, `${real}.new`)
  const state = StateFile.open(link)
  state.save({ cursor: 'abc.2', gap: false })
  state.close()
  expect(lstatSync(link).isSymbolicLink()).toBe(true)
  expect([readFileSync(real, 'utf8'), readFileSync(victim, 'utf8')]).toEqual(['abc.2\n', 'precious'])
})

test('without --exec the place follows what was printed, and the next start goes on there', async () => {
  await using hub = scriptedHub(({ query }) =>
    stream({
      frames: query.has('since')
        ? opening('abc.2') + envelope(3)
        : opening('abc.0') + envelope(1) + envelope(2) + envelope(3),
      end: false,
    }),
  )
  using dir = tempDir()
  const run = (count: string) =>
    runCommand(['subscribe', '--url', hub.url, '--json', '--state', 'place', '--count', count], { cwd: dir.path })
  expect((await run('2')).stdout.trim().split('\n')).toHaveLength(2)
  expect(readFileSync(join(dir.path, 'place'), 'utf8')).toBe('abc.2\n')
  expect(JSON.parse((await run('1')).stdout).cursor).toBe('abc.3')
  expect(hub.requests[1]!.query.get('since')).toBe('abc.2')
})
