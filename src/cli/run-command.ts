import { checkTopic } from '../core/topic.ts'
import { addHubFlags } from './client/hub-client.ts'
import { usageFailure } from './failure.ts'
import { Report } from './run-command/report.ts'
import { runWatched } from './run-command/watched.ts'
import type { Configure } from './verb.ts'

interface RunOptions {
  url?: string
  output: boolean
}

const HELP = `
Runs the command with this stdin, stdout and stderr, then publishes run.ok (exit code 0) or run.failed to the topic, as
{command, exitCode, signal?, ms, host, lastLines}, and ends with the command's own exit code, published or not. Whoever
may read the topic reads the command line and its last lines, at most 20 and 8 KiB; --no-output leaves the lines out, and
gives the command the terminal itself.

Examples:
  mcp-sse run cron/backup -- tar -czf /backup/home.tar.gz /home
  mcp-sse run --no-output builds/main -- sh -c 'make && make test'
`

export const configureRun: Configure = (command, io, finish) => {
  addHubFlags(command)
  command.option('--no-output', 'publish no line of what the command writes').addHelpText('after', HELP)
  command.action(async (topic: string, argv: string[], options: RunOptions) => {
    const refusal = checkTopic(topic)
    if (refusal) {
      throw usageFailure(`The command was not run, because of its topic: ${refusal}`, 'mcp-sse run cron/backup -- true')
    }
    const report = new Report(topic, options, io)
    await report.begin()
    const run = await runWatched(argv, options.output, io)
    await report.publish(run)
    finish(run.end.exitCode)
  })
}
