import { expect, test } from 'bun:test'
import { examinedUrl } from '../../../src/cli/doctor/address.ts'
import { PROXIES } from '../../../src/cli/doctor/front.ts'
import { recipeOf } from '../../../src/cli/doctor/recipe.ts'
import { CommandFailure } from '../../../src/cli/failure.ts'
import { runCommand } from '../../support/command.ts'
import { tempDir } from '../../support/temp-dir.ts'

function refusal(typed: string | undefined, variable?: string) {
  try {
    examinedUrl(typed, variable)
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    return { message: error.message, hint: error.hint, exitCode: error.exitCode }
  }
  throw new Error('It was taken.')
}

test.each([
  ['foo', 'https://foo'],
  ['localhost:3000', 'http://localhost:3000'],
  ['[::1]:3000', 'http://[::1]:3000'],
  ['events.example', 'https://events.example'],
  ['events.example:8443/hub', 'https://events.example:8443/hub'],
])('%p is no URL, and what was meant is typed out', (typed, meant) => {
  expect(refusal(typed)).toEqual({
    message: `The URL has no http:// or https://: ${typed}`,
    hint: `mcp-sse doctor ${meant}`,
    exitCode: 2,
  })
})

test.each([
  ['', 'The URL is empty.', 'mcp-sse doctor http://127.0.0.1:3000'],
  [
    'http://h.example/?a=b',
    'The URL has a query or a fragment: http://h.example/?…',
    'mcp-sse doctor http://h.example',
  ],
  [
    'http://h.example/x#a',
    'The URL has a query or a fragment: http://h.example/x#a',
    'mcp-sse doctor http://h.example/x',
  ],
  ['ftp://x', 'The URL is not an http or https URL: ftp://x', 'mcp-sse doctor http://127.0.0.1:3000'],
  [
    'http://h.example/events/a',
    "The URL is the address of a hub's events, not of the hub: http://h.example/events/a",
    'mcp-sse doctor http://h.example',
  ],
])('%p is refused, not partly ignored', (typed, message, hint) => {
  expect(refusal(typed)).toEqual({ message, hint, exitCode: 2 })
})

test('without one it is that of MCP_SSE_URL, which is named when it is wrong, else the usual one', () => {
  expect(examinedUrl(undefined, 'https://h.example')).toBe('https://h.example/')
  expect(examinedUrl(undefined, undefined)).toBe('http://127.0.0.1:3000/')
  expect(examinedUrl(undefined, '')).toBe('http://127.0.0.1:3000/')
  expect(refusal(undefined, 'localhost:1').message).toBe('MCP_SSE_URL has no http:// or https://: localhost:1')
})

test.each(PROXIES.map((kind) => [kind]))('there is a recipe for %s', (kind) => {
  expect(recipeOf(kind)).toContain('```')
})

test('nothing but the recipe of a proxy is printed with --recipe', async () => {
  using dir = tempDir()
  const { stdout, stderr, exitCode } = await runCommand(['doctor', '--recipe', 'nginx'], { cwd: dir.path })
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
  expect(stdout).toStartWith('### nginx\n')
  expect(stdout).toContain('location @mcp_sse_pause')
  expect(stdout).not.toContain('### Caddy')
})
