import { addHubFlags, hubClient } from './client/hub-client.ts'
import { DONE } from './exit.ts'
import { Bridge } from './stdio/bridge.ts'
import { Link } from './stdio/link.ts'
import { messageLines } from './stdio/message-lines.ts'
import { Outlet } from './stdio/outlet.ts'
import { Troubles } from './stdio/troubles.ts'
import type { Configure } from './verb.ts'

const HELP = `
Speaks the Model Context Protocol over stdin and stdout and takes every message to the /mcp of a running hub. It is
started by the client, not by hand. In a client's configuration:

  {"mcpServers": {"events": {"command": "mcp-sse", "args": ["stdio"],
    "env": {"MCP_SSE_URL": "http://127.0.0.1:3000", "MCP_SSE_KEY": "<key>"}}}}
`

export const configureStdio: Configure = (command, io, finish) => {
  addHubFlags(command)
  command.addHelpText('after', HELP)
  command.action(async (options: { url?: string }) => {
    const hub = hubClient('stdio', options, io)
    if (io.stdin.isTerminal) {
      await io.stderr.write('mcp-sse: this speaks to a program, not to a person; see mcp-sse stdio --help\n')
    }
    const troubles = new Troubles(io.stderr)
    const outlet = new Outlet(io.stdout)
    const link = new Link(hub, io.env.MCP_SSE_KEY, troubles)
    const stop = AbortSignal.any([io.untilInterrupted(), outlet.closed])
    await new Bridge({ link, outlet, troubles }, stop).run(messageLines(io.stdin.read(), stop))
    outlet.rethrow()
    if (outlet.isWaiting) io.exit(DONE)
    finish(DONE)
  })
}
