import { executablePath } from './executable.ts'
import { inspect, registerSecretsOf } from './secrets.ts'

const DEADLINE_MS = 20_000

export interface StartupOptions {
  cwd: string
  env?: Record<string, string>
  /** A command that runs the one that follows it. */
  through?: readonly string[]
}

/** The executable with these arguments, to its end. A start that goes on is stopped after 20 s and has no exit code. */
export async function runExecutable(args: readonly string[], { cwd, env = {}, through = [] }: StartupOptions) {
  registerSecretsOf(env, args)
  const child = Bun.spawn([...through, executablePath(), ...args], {
    cwd,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: cwd,
      PORT: '0',
      DATA_DIR: `${cwd}/data`,
      MCP_SSE_LOG_FORMAT: 'text',
      ...env,
    },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  await child.exited
  inspect(`the output of ${args[0]}`, `${stdout}\n${stderr}`)
  return { stdout, stderr, exitCode: child.exitCode }
}
