import { describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findConfigFile } from '../../src/config/file.ts'
import { loadConfig } from '../../src/config/load.ts'
import { HubError } from '../../src/core/errors.ts'
import { tempDir } from '../support/temp-dir.ts'

function refusal(cwd: string, env: Record<string, string> = {}): string {
  try {
    loadConfig({ mode: 'source', cwd, env: { HOME: cwd, ...env }, descriptors: 1000 })
    return 'accepted'
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    expect(error.code).toBe('invalid-config')
    return error.message
  }
}

describe('a settings file that cannot be read stops the start, which would be an open one without it', () => {
  test('a link to a disk that is not mounted', () => {
    using dir = tempDir()
    symlinkSync(join(dir.path, 'not-mounted/mcp-sse.toml'), join(dir.path, 'mcp-sse.toml'))
    expect(refusal(dir.path)).toBe(
      'mcp-sse.toml: it is a link to something that is not there. Mount or make what it leads to, or remove the link.',
    )
  })

  test('a directory that leads back to itself', () => {
    using dir = tempDir()
    symlinkSync('mcp-sse', join(dir.path, 'mcp-sse'))
    const said = refusal(dir.path, { XDG_CONFIG_HOME: dir.path })
    expect(said).toContain('it cannot be read (ELOOP). Make it readable to the user this runs as')
  })

  test('a directory in its place', () => {
    using dir = tempDir()
    mkdirSync(join(dir.path, 'mcp-sse.toml'))
    expect(refusal(dir.path)).toContain('mcp-sse.toml: it cannot be read (EISDIR).')
  })

  test.skipIf(process.getuid?.() === 0)('a directory that is closed to this user', () => {
    using dir = tempDir()
    mkdirSync(join(dir.path, 'mcp-sse'))
    chmodSync(join(dir.path, 'mcp-sse'), 0)
    expect(refusal(dir.path, { XDG_CONFIG_HOME: dir.path })).toContain('it cannot be read (EACCES).')
  })
})

test('a file where a directory of settings could be is no settings', () => {
  using dir = tempDir()
  writeFileSync(join(dir.path, 'mcp-sse'), '')
  expect(refusal(dir.path, { XDG_CONFIG_HOME: dir.path })).toBe('accepted')
  expect(findConfigFile({ HOME: dir.path }, dir.path)).not.toStartWith(dir.path)
})
