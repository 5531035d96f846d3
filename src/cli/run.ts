import { Command, CommanderError } from 'commander'
import { BAD_CONFIG, DONE, USAGE } from './exit.ts'
import { CommandFailure, failureOf, failureText, isBrokenPipe, usageFailure } from './failure.ts'
import type { Io } from './io.ts'
import { redactedOutput } from './redacted-output.ts'
import { allVerbs } from './verbs.ts'
import { versionLine } from './version.ts'

const EXAMPLES = `
Examples:
  mcp-sse serve
  mcp-sse publish cron/backup 'backup failed'
  mcp-sse subscribe 'cron/**'

The client commands find the hub by MCP_SSE_URL (http://127.0.0.1:3000 if not set) and send MCP_SSE_KEY, if set, as a
bearer token. Only health asks the hub of this machine, and sends no key.
`

/** Verbs whose flags are configuration: a wrong one is a wrong configuration. */
const CONFIGURED = ['serve', 'config']
const FLAG_ERRORS = ['commander.unknownOption', 'commander.optionMissingArgument']

/** Runs one command line. Every failure is printed here and nowhere else. @returns the exit code */
export async function run(argv: readonly string[], processIo: Io): Promise<number> {
  const io: Io = { ...processIo, stderr: redactedOutput(processIo.stderr, processIo.env.MCP_SSE_KEY) }
  let exitCode = DONE
  let printed = ''
  const program = new Command('mcp-sse')
    .description('An event hub: anything that can POST publishes, browsers and agents receive.')
    .version(versionLine(), '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        printed += text
      },
      writeErr: () => {},
      getOutHelpWidth: () => io.stdout.columns,
    })
    .addHelpText('after', EXAMPLES)
  const finish = (code: number) => {
    exitCode = code
  }
  for (const verb of allVerbs()) {
    const command = program.command(verb.synopsis).summary(verb.summary).description(capital(verb.summary))
    if (argv.includes(command.name())) (await verb.load())(command, io, finish)
  }
  try {
    if (argv.length === 0) program.outputHelp()
    else await program.parseAsync(argv, { from: 'user' })
    await io.stdout.write(printed)
    return exitCode
  } catch (error) {
    return await end(error, argv, program, printed, io)
  }
}

async function end(
  error: unknown,
  argv: readonly string[],
  program: Command,
  printed: string,
  io: Io,
): Promise<number> {
  if (isBrokenPipe(error)) return DONE
  if (error instanceof CommanderError && error.exitCode === 0) {
    try {
      await io.stdout.write(printed)
      return DONE
    } catch (unwritten) {
      return await end(unwritten, argv, program, '', io)
    }
  }
  const failure = error instanceof CommanderError ? await commandLineFailure(error, argv, program) : failureOf(error)
  // Where nobody can be told, on a closed pipe or a full disk, the exit code still says it.
  await io.stderr.write(failureText(failure)).catch(() => {})
  return failure.exitCode
}

/** commander's `error: unknown option '--x'\n(Did you mean --y?)` in our words. */
async function commandLineFailure(
  error: CommanderError,
  argv: readonly string[],
  program: Command,
): Promise<CommandFailure> {
  // A group such as config without its verb: commander would print the help as an error.
  if (error.code === 'commander.help') return usageFailure('A command is missing.', `mcp-sse ${argv[0]} --help`)
  const message = withoutValues(error.message)
  const [problem = '', suggestion = ''] = message.replace(/^error: /, '').split('\n')
  const sentence = `${capital(problem.replace(/\.$/, ''))}.${suggestion.replace(/^\((.*)\)$/, ' $1')}`
  const verb = program.commands.find((command) => command.name() === argv[0])?.name()
  const wrongFlag = FLAG_ERRORS.includes(error.code) && verb !== undefined && CONFIGURED.includes(verb)
  const flag = wrongFlag ? /'(--[^']+)'/.exec(problem)?.[1] : undefined
  // Loaded late: verbs without configuration do without the schema.
  const secret = flag && (await import('./secret-flag.ts')).secretFlagRefusal(flag)
  if (secret) return new CommandFailure(secret, 'mcp-sse config print', BAD_CONFIG, error)
  return new CommandFailure(sentence, helpFor(argv, program), wrongFlag ? BAD_CONFIG : USAGE, error)
}

/** `mcp-sse key new --help`: the help of the command that was meant. */
function helpFor(argv: readonly string[], program: Command): string {
  let command = program
  const names = [program.name()]
  for (const word of argv) {
    const child = command.commands.find((one) => one.name() === word)
    if (!child) break
    names.push(word)
    command = child
  }
  return `${names.join(' ')} --help`
}

/** commander repeats what it was given, and what was given by mistake may be a key or a token. */
function withoutValues(message: string): string {
  return message
    .replace(/^(error: unknown option '[^'=]*)=.*'/s, "$1'")
    .replace(/^(error: too many arguments.* but got \d+): .*\.$/s, '$1.')
    .replaceAll(/\b(?:(?:mcpsse_|eyJ)[\w.-]{16,}|whsec_[\w+/=-]{16,})/g, '…')
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
