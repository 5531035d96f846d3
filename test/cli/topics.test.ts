import { expect, test } from 'bun:test'
import { runCommand } from '../support/command.ts'
import { type Received, scriptedHub } from '../support/scripted-hub.ts'
import { tempDir } from '../support/temp-dir.ts'

const time = '2026-11-22T12:00:00.000Z'
const first = { topic: 'a', events: 3, lastCursor: 'abc.3', lastTime: time }
const second = { topic: 'b/c', events: 12, lastCursor: 'abc.9', lastTime: time }

function pages({ query }: Received): Response {
  return Response.json(query.get('page') === 'p 2' ? { topics: [second] } : { topics: [first], next: 'p 2' })
}

async function topics(args: readonly string[]) {
  await using hub = scriptedHub(pages)
  using dir = tempDir()
  const result = await runCommand(['topics', ...args, '--url', hub.url], { cwd: dir.path })
  return { ...result, requests: hub.requests }
}

test('topics lists every page, with the patterns sent along', async () => {
  const { stdout, requests } = await topics(['a', 'b/**'])
  expect(stdout).toBe('2026-11-22 12:00:00Z          3  a\n2026-11-22 12:00:00Z         12  b/c\n')
  expect(requests.map(({ query }) => query.getAll('pattern'))).toEqual([
    ['a', 'b/**'],
    ['a', 'b/**'],
  ])
})

test('topics --json prints one object a line', async () => {
  const { stdout } = await topics(['--json'])
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([first, second])
})
