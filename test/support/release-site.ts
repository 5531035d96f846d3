import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Certificate } from './certificates.ts'

const INSTALLER = resolve(import.meta.dir, '../../packaging/install.sh')

/** What packaging/install.sh uses besides curl, wget, sha256sum and shasum, and what those need. */
const TOOLS = 'sh uname ldd id mkdir mktemp rm mv chmod grep cut sed tail printf cat bash perl env'.split(' ')

/** The platform of this machine as releases call it, for the libc that runs these tests. */
export function platformHere(): string {
  const musl = process.platform === 'linux' && /musl/.test(Bun.spawnSync(['ldd', '--version']).stderr.toString())
  const os = process.platform === 'darwin' ? 'macos' : process.platform
  return `${os}-${process.arch}${musl ? '-musl' : ''}`
}

export function sumLine(name: string, content: string): string {
  return `${createHash('sha256').update(content).digest('hex')}  ${name}\n`
}

/** A place to download from: what `files` does not have is 404. With `tls` by https. */
export function releaseSite(files: Readonly<Record<string, string | (() => Response)>>, tls?: Certificate) {
  const asked: string[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    ...(tls && { tls }),
    fetch(request) {
      const name = new URL(request.url).pathname.slice(1)
      asked.push(name)
      const file = files[name]
      if (file === undefined) return new Response('not here', { status: 404 })
      return typeof file === 'string' ? new Response(file) : file()
    },
  })
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${server.port}`,
    asked,
    async [Symbol.asyncDispose]() {
      await server.stop(true)
    },
  }
}

/** A directory for PATH in which there are, of what downloads and sums, only `tools`. */
export function pathWith(directory: string, tools: readonly string[]): string {
  mkdirSync(directory)
  for (const tool of [...TOOLS, ...tools]) {
    const found = Bun.which(tool)
    if (found) symlinkSync(found, join(directory, tool))
  }
  chmodSync(directory, 0o755)
  return directory
}

export interface InstallOptions {
  home: string
  env?: Record<string, string>
  shell?: readonly string[]
  /** The script as it arrived; default: whole. */
  script?: string
}

/** `… | sh`: the script on standard input, in a home of its own. */
export async function install({ home, env = {}, shell = ['sh'], script }: InstallOptions) {
  const child = Bun.spawn([...shell], {
    cwd: home,
    env: { PATH: process.env.PATH ?? '', HOME: home, MCP_SSE_INSTALL_DIR: join(home, 'bin'), ...env },
    stdin: script === undefined ? Bun.file(INSTALLER) : new Blob([script]),
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: 60_000,
  })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { stdout, stderr, exitCode: await child.exited }
}

export async function installerText(): Promise<string> {
  return await Bun.file(INSTALLER).text()
}
