import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { forwardsOf } from '../../../src/cli/serve/forwards.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { HubError } from '../../../src/core/errors.ts'
import { tempDir } from '../../support/temp-dir.ts'

function plansOf(...tables: string[]) {
  using dir = tempDir()
  const text = tables.map((table, index) => `[[forward]]\nname = "n${index}"\ntopic = "t/*"\n${table}\n`).join('')
  writeFileSync(join(dir.path, 'mcp-sse.toml'), text)
  return forwardsOf(loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path }, descriptors: 1000 }))
}

test('forwards of the configuration are ready to run, none when it has none', () => {
  expect(plansOf()).toEqual([])
  const plans = plansOf('url = "https://a.example/"', 'url = "http://127.0.0.1:1/"\nprivate = true')
  expect(plans.map(({ plan }) => plan.id)).toEqual(['forward:n0', 'forward:n1'])
})

test('every forward that cannot run is named with its source, key and what is wrong, one a line, and no URL', () => {
  const error = (() => {
    try {
      return plansOf(
        'url = "https://a.example/"\nbody = "{{dat}}"',
        'url = "https://a.example/"',
        'url = "http://hooks.example/passw0rd"',
      )
    } catch (error) {
      return error
    }
  })() as HubError
  expect([error.code, ...error.message.split('\n')]).toEqual([
    'invalid-config',
    expect.stringMatching(/^mcp-sse\.toml:1: forward\[0\]\.body \(n0\) is refused: There is no placeholder {{dat}}; /),
    'mcp-sse.toml:1: forward[2].url (n2) is refused: It is not https to a public name; write such a URL, or private = true.',
  ])
})
