import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type McpClient, textOf, toolAnswer } from './mcp-client.ts'
import { inspect } from './secrets.ts'

const INSPECTOR = resolve(import.meta.dir, '../../node_modules/.bin/mcp-inspector')

/** The Inspector's `--cli`: a process, and so a connection, for every call. */
export async function inspectorClient(era: 'legacy' | 'auto' | 'modern', url: URL, key?: string): Promise<McpClient> {
  const home = await mkdtemp(join(tmpdir(), 'mcp-sse-inspector-'))
  const ask = async (method: string, ...more: string[]) => {
    const credential = key === undefined ? [] : ['--header', `Authorization: Bearer ${key}`]
    const target = [url.href, '--protocol-era', era, '--stored-auth-only', '--format', 'json']
    const child = Bun.spawn([INSPECTOR, '--cli', ...target, '--method', method, ...more, ...credential], {
      env: { PATH: process.env.PATH ?? '', HOME: home },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    inspect('what the Inspector wrote', stdout + stderr)
    await child.exited
    const answer = json(stdout) ?? json(stderr)
    if (answer?.result === undefined) throw new Error(answer?.error?.message ?? `It wrote: ${stdout} ${stderr}`)
    return answer.result
  }
  const close = () => rm(home, { recursive: true, force: true })
  const { protocolVersion } = await ask('initialize').catch(async (error) => {
    await close()
    throw error
  })
  return {
    version: protocolVersion as string,
    tools: async () => names(await ask('tools/list'), 'tools', 'name'),
    call: async (tool, input) =>
      toolAnswer(await ask('tools/call', '--tool-name', tool, '--tool-args-json', JSON.stringify(input))),
    resources: async () => names(await ask('resources/list'), 'resources', 'uri'),
    templates: async () => names(await ask('resources/templates/list'), 'resourceTemplates', 'uriTemplate'),
    read: async (uri) => textOf((await ask('resources/read', '--uri', uri)).contents),
    complete: async () => names(await ask('prompts/complete'), 'completion', 'values'),
    prompt: async (name, values) => {
      const pairs = Object.entries(values).map(([key, value]) => `${key}=${value}`)
      return textOf((await ask('prompts/get', '--prompt-name', name, '--prompt-args', ...pairs)).messages)
    },
    subscribe: async (uri) => {
      await ask('resources/subscribe', '--uri', uri)
      throw new Error('It has learned to subscribe.')
    },
    close,
  }
}

interface Answer {
  result?: Record<string, unknown>
  error?: { message: string }
}

function json(text: string): Answer | undefined {
  const line = text.split('\n').find((each) => each.startsWith('{'))
  return line === undefined ? undefined : (JSON.parse(line) as Answer)
}

function names(result: Record<string, unknown>, list: string, field: string): string[] {
  return (result[list] as Record<string, string>[]).map((each) => each[field]!)
}
