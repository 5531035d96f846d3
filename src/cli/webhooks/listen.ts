import { randomBytes } from 'node:crypto'
import { InvalidArgumentError } from 'commander'
import { HubError } from '../../core/errors.ts'
import { webhookSecret } from '../../webhooks/secret/webhook-secret.ts'
import { DONE } from '../exit.ts'
import { usageFailure } from '../failure.ts'
import type { Configure } from '../verb.ts'
import { receiptJson, receiptLine } from './receipt.ts'
import { Receiver } from './receiver.ts'

interface ListenOptions {
  port: number
  secret?: string
  status?: number[]
  count?: number
  json?: true
}

const HELP = `
It answers the challenge of a subscription, and every delivery with 204, or with --status, after it was printed. With a
secret it refuses (401) what was not signed with it; without one it makes one, and takes everything and says what is not
verified. MCP_SSE_WEBHOOK_SECRET keeps the secret out of ps.

Examples:
  mcp-sse webhooks listen
  mcp-sse webhooks listen --port 8080 --json --count 1
  mcp-sse webhooks listen --status 500 500 204       two failures, then every one is taken
`

export const configureWebhooksListen: Configure = (command, io, finish) => {
  command
    .option('--port <port>', 'on 127.0.0.1; 0: one that is free', port, 0)
    .option('--secret <secret>', 'whsec_…, to verify with (MCP_SSE_WEBHOOK_SECRET)')
    .option('--status <code...>', 'answer deliveries with this; of several each once, then the last', statuses)
    .option('--count <n>', 'end after n deliveries', wholeNumber)
    .option('--json', 'one JSON object a line')
    .addHelpText('after', HELP)
  command.action(async (options: ListenOptions) => {
    const given = options.secret ?? (io.env.MCP_SSE_WEBHOOK_SECRET || undefined)
    const secret = given ?? newSecret()
    const receiver = new Receiver({
      port: options.port,
      key: keyOf(secret),
      strict: given !== undefined,
      statuses: options.status ?? [204],
      count: options.count ?? Number.POSITIVE_INFINITY,
      now: Date.now,
      print: (receipt) => io.stdout.write(options.json ? receiptJson(receipt) : receiptLine(receipt)),
    })
    const interrupted = Promise.withResolvers<void>()
    io.untilInterrupted().addEventListener('abort', () => interrupted.resolve())
    try {
      await io.stderr.write(welcome(receiver.url, given === undefined ? secret : undefined))
      await Promise.race([receiver.done, interrupted.promise])
    } finally {
      await receiver.stop()
    }
    finish(DONE)
  })
}

/** @param secret the one that was made; one that was given is not repeated */
function welcome(url: string, secret: string | undefined): string {
  const shown = secret ?? '<the secret>'
  return `mcp-sse: listening on ${url} until Ctrl-C
${secret === undefined ? '' : `mcp-sse: what is signed with ${secret} is verified\n`}
Try: these lines in the mcp-sse.toml of a hub on this machine, which then is started anew:

  [[forward]]
  name = "listen"
  topic = "**"
  url = "${url}"
  private = true
  secret = "${shown}"

and: mcp-sse publish hello world
MCP clients may subscribe with this URL too, at a hub that has MCP_SSE_WEBHOOKS_ALLOW_LOOPBACK=true.

`
}

function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}

/** @throws CommandFailure */
function keyOf(secret: string): Uint8Array {
  try {
    return webhookSecret(secret, '/secret')
  } catch (error) {
    throw error instanceof HubError ? usageFailure(error.message, 'mcp-sse webhooks listen') : error
  }
}

function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new InvalidArgumentError('It is a number from 0 to 65535.')
}

function statuses(text: string, before: number[] = []): number[] {
  if (/^[2-5]\d\d$/.test(text)) return [...before, Number(text)]
  throw new InvalidArgumentError('It is a number from 200 to 599.')
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a whole number from 1.')
}
