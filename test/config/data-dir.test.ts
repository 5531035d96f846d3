import { expect, test } from 'bun:test'
import { defaultDataDir } from '../../src/config/data-dir.ts'

const home = { HOME: '/home/u' }

test('from source the data lies in the checkout, whatever the environment says', () => {
  expect(defaultDataDir('source', { ...home, STATE_DIRECTORY: '/var/lib/x' }, 'linux')).toBe('./data')
})

test.each([
  ['the first directory of systemd', { ...home, STATE_DIRECTORY: '/var/lib/a:/var/lib/b' }, 'linux', '/var/lib/a'],
  ['XDG_DATA_HOME', { ...home, XDG_DATA_HOME: '/x' }, 'linux', '/x/mcp-sse'],
  ['the user’s data directory', home, 'linux', '/home/u/.local/share/mcp-sse'],
  ['the place of macOS', home, 'darwin', '/home/u/Library/Application Support/mcp-sse'],
  ['the place of Windows', { ...home, LOCALAPPDATA: '/local' }, 'win32', '/local/mcp-sse'],
] as const)('the executable keeps its data in %s', (_, env, platform, expected) => {
  expect(defaultDataDir('executable', env, platform)).toBe(expected)
})
