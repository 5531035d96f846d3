import { existsSync } from 'node:fs'
import { CommandFailure } from '../failure.ts'

/** What `sd_booted(3)` looks at. */
const RUNNING = '/run/systemd/system'

/** @throws CommandFailure when this machine's services are not this process's to change. @param verb `install` */
export function requireSystemd(verb: string): void {
  if (process.platform !== 'linux' || !existsSync(RUNNING)) {
    throw new CommandFailure(
      'This machine does not run systemd. Have what starts services here run `mcp-sse serve`, with a key in MCP_SSE_AUTH_KEY.',
      'MCP_SSE_AUTH_KEY_FILE=<file with a key> mcp-sse serve',
    )
  }
  if (process.getuid?.() !== 0) {
    throw new CommandFailure('Only root can change the services of this machine.', `sudo mcp-sse service ${verb}`)
  }
}

/** `systemctl …`, to its end. @throws CommandFailure with what it said, and `hint` */
export async function systemctl(args: readonly string[], hint: string): Promise<void> {
  const child = Bun.spawn(['systemctl', ...args], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const [said, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (exitCode === 0) return
  throw new CommandFailure(`systemctl ${args.join(' ')} failed (${exitCode}).\n${said}`.trimEnd(), hint)
}
