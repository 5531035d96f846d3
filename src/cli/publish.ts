import { hubDocument } from './client/hub-answer.ts'
import { addHubFlags, type HubClient, hubClient } from './client/hub-client.ts'
import { plain } from './display.ts'
import { DONE } from './exit.ts'
import { CommandFailure, usageFailure } from './failure.ts'
import type { Io } from './io.ts'
import { Progress } from './progress.ts'
import { BatchSender, type Published } from './publish/batches.ts'
import { type EventDefaults, eventOfData, eventOfObject } from './publish/event-line.ts'
import { type Line, readLines, readText } from './stdin-lines.ts'
import type { Configure } from './verb.ts'

interface PublishOptions {
  url?: string
  json?: true
  type?: string
  id?: string
  lines?: true
  ndjson?: true
}

interface Receipt {
  cursor: string
  topic: string
  type: string
  duplicate?: boolean
}

const EXAMPLES = `
The data is JSON if it is valid JSON, else text. A - reads stdin: all of it is the data of one event (without the line
break at its end), with --lines each line is the data of an event, with --ndjson each line is an event object
{"topic", "type", "data", "id", "time"}; what it leaves out of topic and type is taken from here. Empty lines are skipped.

Examples:
  mcp-sse publish cron/backup 'backup failed'
  mcp-sse publish orders/42 '{"total":99}' --type order.paid --id paid-42
  tail -f app.log | mcp-sse publish logs/app - --lines
  mcp-sse publish import - --ndjson < events.ndjson
`

export const configurePublish: Configure = (command, io, finish) => {
  addHubFlags(command)
  command
    .option('-t, --type <type>', 'type of the event (default: message)')
    .option('--id <id>', 'your own id: the same event again is then stored once')
    .option('--lines', 'with -: each line is the data of an event')
    .option('--ndjson', 'with -: each line is an event object')
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', EXAMPLES)
  command.action(async (topic: string, data: string | undefined, options: PublishOptions) => {
    checkUsage(topic, data, options)
    const hub = hubClient('publish', options, io)
    const many = options.lines || options.ndjson
    const answer = many ? await publishLines(hub, topic, options, io) : await publishOne(hub, topic, data!, options, io)
    await io.stdout.write(answer)
    finish(DONE)
  })
}

function checkUsage(topic: string, data: string | undefined, { lines, ndjson, id }: PublishOptions): void {
  if (id === '') {
    throw usageFailure(
      '--id is empty, so the same event again would be stored again.',
      'mcp-sse publish TOPIC DATA --id ID, or without --id',
    )
  }
  if (data === undefined && topic === '-' && (lines || ndjson)) {
    throw usageFailure('There is no topic before the -.', `mcp-sse publish TOPIC - ${lines ? '--lines' : '--ndjson'}`)
  }
  if (data === undefined) throw usageFailure('There is no data.', "mcp-sse publish TOPIC 'some text', or - for stdin")
  if (!lines && !ndjson) return
  const flag = lines ? '--lines' : '--ndjson'
  if (lines && ndjson) {
    throw usageFailure('--lines and --ndjson are two forms of stdin.', 'mcp-sse publish TOPIC - --ndjson')
  }
  if (data !== '-') throw usageFailure(`${flag} reads stdin; give - as the data.`, `mcp-sse publish TOPIC - ${flag}`)
  if (id !== undefined) {
    throw usageFailure('--id is for one event.', 'mcp-sse publish TOPIC - --ndjson, with "id" in each line')
  }
}

async function publishOne(
  hub: HubClient,
  topic: string,
  data: string,
  options: PublishOptions,
  io: Io,
): Promise<string> {
  const body = data === '-' ? await readText(io.stdin.read()) : data
  const response = await (fitsPath(topic) ? sendData : sendEvent)(hub, topic, body, options)
  const receipt = await hubDocument<Receipt>(response, 'cursor')
  if (options.json) return `${JSON.stringify(receipt)}\n`
  const again = receipt.duplicate ? '  (was there already)' : ''
  return `${receipt.cursor}  ${plain(receipt.topic)}  ${plain(receipt.type)}${again}\n`
}

/** Whether a URL can say the topic: parsers take `.` and `..` for steps, also when they are percent-encoded. */
function fitsPath(topic: string): boolean {
  return topic.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')
}

function sendData(hub: HubClient, topic: string, body: string, { type, id }: PublishOptions): Promise<Response> {
  const query = new URLSearchParams()
  if (type !== undefined) query.set('type', type)
  if (id !== undefined) query.set('id', id)
  const path = `/events/${topic.split('/').map(encodeURIComponent).join('/')}`
  return hub.request(path, { method: 'POST', query, headers: { 'content-type': 'text/plain; charset=utf-8' }, body })
}

function sendEvent(hub: HubClient, topic: string, data: string, { type, id }: PublishOptions): Promise<Response> {
  const body = eventOfData(data, { topic, type, id })
  return hub.request('/events', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
}

async function publishLines(hub: HubClient, topic: string, options: PublishOptions, io: Io): Promise<string> {
  const defaults: EventDefaults = { topic, type: options.type }
  const eventOf = (line: Line) => (options.lines ? eventOfData(line.text, defaults) : eventOfObject(line, defaults))
  const sender = new BatchSender(hub)
  const progress = new Progress(io.stderr, io.stdin.size)
  let bytes = 0
  try {
    for await (const lines of readLines(io.stdin.read())) {
      for (const line of lines) {
        bytes += line.text.length + 1
        await sender.add(eventOf(line), line.number)
      }
      sender.start()
      await progress.update(bytes, sender.published.events)
    }
    await sender.finish()
  } catch (thrown) {
    // What was read before a bad line is published all the same; if that fails, it is the earlier problem.
    const error: unknown = await sender.finish().then(
      () => thrown,
      (earlier) => earlier,
    )
    if (!(error instanceof CommandFailure)) throw error
    const { events, cursor } = sender.published
    const before =
      events === 0 ? 'Nothing was published.' : `Before that ${events} events were published, up to ${cursor}.`
    throw new CommandFailure(`${error.message}\n${before}`, error.hint, error.exitCode, error)
  } finally {
    await progress.end()
  }
  return summary(sender.published, options)
}

function summary({ events, duplicates, cursor }: Published, { json }: PublishOptions): string {
  if (json) return `${JSON.stringify({ events, duplicates, cursor })}\n`
  const again = duplicates > 0 ? `, ${duplicates} of them were there already` : ''
  return `${events} ${events === 1 ? 'event' : 'events'} published${again}${cursor ? `  ${cursor}` : ''}\n`
}
