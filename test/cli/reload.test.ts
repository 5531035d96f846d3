import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Reload } from '../../src/cli/reload.ts'
import { loadConfig } from '../../src/config/load.ts'
import { HubError } from '../../src/core/errors.ts'
import { createLogLines } from '../../src/daemon/log-lines.ts'
import { tempDir } from '../support/temp-dir.ts'

const table = (name: string, digit: string, more = '') =>
  `[[auth.keys]]\nname = "${name}"\nsha256 = "${digit.repeat(64)}"\npublish = ["a"]\n${more}`

/** A reload over a file that the test changes. */
function reloadOf(dir: string, text: string, env: Record<string, string> = {}) {
  const path = join(dir, 'mcp-sse.toml')
  const write = (changed: string) => writeFileSync(path, changed, { mode: 0o600 })
  write(text)
  const load = () => loadConfig({ mode: 'source', cwd: dir, env: { HOME: dir, ...env }, descriptors: 1000 })
  const said: string[] = []
  const applied: string[][] = []
  const reload = new Reload({
    loaded: load(),
    load,
    apply: async ({ config }) => {
      applied.push(config.auth.keys.map((key) => key.name))
    },
    lines: createLogLines({ level: 'info', write: (line) => said.push(line) }),
  })
  return {
    said,
    applied,
    async to(changed: string) {
      write(changed)
      said.length = 0
      await reload.run()
      return said
    },
  }
}

describe('a reload', () => {
  test('says by name which keys came, went and changed, and never a hash', async () => {
    using dir = tempDir()
    const { to, applied } = reloadOf(dir.path, table('stays', '0') + table('goes', '1') + table('changes', '2'))
    const said = await to(table('stays', '0') + table('changes', '2', 'admin = true\n') + table('new', '3'))
    expect(said).toEqual(['reloaded: keys added new; keys removed goes; keys changed changes'])
    expect(applied).toEqual([['stays', 'changes', 'new']])
    expect(await to(table('stays', '0') + table('changes', '2', 'admin = true\n') + table('new', '3'))).toEqual([
      'reloaded: nothing has changed',
    ])
  })

  test('says which other keys count at once and which need a restart', async () => {
    using dir = tempDir()
    const { to } = reloadOf(dir.path, table('a', '0'))
    const changed = `port = 4000\ncors_origin = ["https://a.example"]\n[stream]\nretry = "1s"\n[auth]\nkey = "0123456789abcdef"\n`
    expect(await to(changed + table('a', '0'))).toEqual([
      'reloaded: cors_origin, auth.key; needing a restart: port, stream.retry',
    ])
  })

  test.each([
    ['a file that is broken', 'port = ', 'mcp-sse.toml:1: this is not TOML'],
    ['a key that is refused', table('a', 'x'), 'auth.keys[0].sha256 is refused'],
    ['two problems', `port = "x"\n${table('a', 'x')}`, 'port = x is refused'],
  ])('%s changes nothing and is logged with every problem', async (_, text, says) => {
    using dir = tempDir()
    const { to, applied } = reloadOf(dir.path, table('a', '0'))
    const said = await to(text)
    expect(said[0]).toBe('the configuration was not reloaded and everything goes on as before:')
    expect(said.join('\n')).toContain(says)
    expect(applied).toEqual([])
    // What was there is still what the next one is compared with.
    expect(await to(table('a', '0'))).toEqual(['reloaded: nothing has changed'])
  })

  test('never opens a hub that had credentials: an emptied file is refused', async () => {
    using dir = tempDir()
    const { to, applied } = reloadOf(dir.path, table('a', '0'))
    for (const text of ['', '[auth]\nopen = true\n']) {
      expect(await to(text)).toEqual([
        'the configuration was not reloaded and everything goes on as before:',
        '  This would take away the last credential and let everyone in. If that is meant, start the hub again.',
      ])
    }
    expect(applied).toEqual([])
  })

  test('closes an open hub, but does not open it to other machines', async () => {
    using dir = tempDir()
    const { to, applied } = reloadOf(dir.path, '')
    expect((await to('[auth]\nopen = true\n'))[1]).toContain('auth.open is taken over only by a start')
    expect(await to(table('a', '0'))).toEqual(['reloaded: keys added a'])
    expect(applied).toEqual([['a']])
  })

  test('that cannot be applied is said, and the one before still counts', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'mcp-sse.toml')
    writeFileSync(path, table('a', '0'))
    const load = () => loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path }, descriptors: 1000 })
    const said: string[] = []
    let fails = true
    const reload = new Reload({
      loaded: load(),
      load,
      apply: async () => {
        if (fails) throw new HubError('invalid-config', 'keys.json: this is no set of keys.')
      },
      lines: createLogLines({ level: 'info', write: (line) => said.push(line) }),
    })
    writeFileSync(path, table('b', '0'))
    await reload.run()
    expect(said.at(-1)).toBe('  keys.json: this is no set of keys.')
    fails = false
    await reload.run()
    expect(said.at(-1)).toBe('reloaded: keys added b; keys removed a')
  })
})
