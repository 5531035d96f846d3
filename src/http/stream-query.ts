import { HubError } from '../core/errors.ts'
import { type Filter, parseFilter } from '../core/filter.ts'
import { parseStart, type Start } from '../core/start.ts'
import type { FormatOptions } from '../sse/format.ts'
import { parametersOf, single } from './parameters.ts'

const STREAM_PARAMETERS = [
  'topic',
  'type',
  'last_event_id',
  'lastEventId',
  'lastEventID',
  'since',
  'last',
  'format',
  'envelope',
  'control',
  'heartbeat',
  'limit',
  // Looked at by the gate.
  'ticket',
]

export interface StreamQuery {
  parameters: URLSearchParams
  filter: Filter
  start: Start | undefined
  /** `json` is a page of history. */
  kind: FormatOptions['kind'] | 'json'
}

/**
 * What a `GET /events` asks for; `pattern` is from the path, `now` in milliseconds.
 * @throws HubError `invalid-query`, `invalid-pattern`, `invalid-type`
 */
export function streamQuery(request: Request, pattern: string | undefined, now: number): StreamQuery {
  const parameters = parametersOf(request, STREAM_PARAMETERS)
  const kind = kindOf(request, parameters)
  requireMeaning(parameters, kind)
  return { parameters, filter: filterOf(parameters, pattern), start: startOf(request, parameters, now), kind }
}

/** A parameter that counts for nothing here was meant for something: it is refused like one that is misspelt. */
function requireMeaning(parameters: URLSearchParams, kind: StreamQuery['kind']): void {
  if (kind !== 'json' && single(parameters, 'limit') !== undefined) {
    throw new HubError('invalid-query', 'limit is for a page of history: add format=json, or leave it out.', {
      pointer: '/limit',
    })
  }
  const name = ['envelope', 'control', 'heartbeat'].find((each) => single(parameters, each) !== undefined)
  if (kind === 'json' && name !== undefined) {
    throw new HubError('invalid-query', `${name} is for a stream: leave out format=json, or ${name}.`, {
      pointer: `/${name}`,
    })
  }
}

function filterOf(parameters: URLSearchParams, pattern: string | undefined): Filter {
  const patterns = parameters.getAll('topic').filter((topic) => topic !== '')
  if (pattern !== undefined) {
    if (patterns.length > 0) {
      throw new HubError('invalid-query', 'Name topics in the path or as ?topic=, not both.', { pointer: '/topic' })
    }
    patterns.push(pattern)
  }
  return parseFilter(
    patterns,
    parameters.getAll('type').filter((type) => type !== ''),
  )
}

function startOf(request: Request, parameters: URLSearchParams, now: number): Start | undefined {
  return parseStart({
    lastEventId:
      request.headers.get('last-event-id') ||
      single(parameters, 'last_event_id') ||
      single(parameters, 'lastEventId') ||
      single(parameters, 'lastEventID'),
    since: single(parameters, 'since'),
    last: single(parameters, 'last'),
    now,
  })
}

const MEDIA_TYPES: Record<string, StreamQuery['kind']> = {
  'text/event-stream': 'sse',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/json': 'json',
}

function kindOf(request: Request, parameters: URLSearchParams): StreamQuery['kind'] {
  const named = single(parameters, 'format')
  if (named === 'sse' || named === 'ndjson' || named === 'json') return named
  if (named !== undefined) {
    throw new HubError('invalid-query', 'format is sse, ndjson or json.', { pointer: '/format' })
  }
  for (const range of (request.headers.get('accept') ?? '').split(',')) {
    const kind = MEDIA_TYPES[range.split(';', 1)[0]!.trim().toLowerCase()]
    if (kind) return kind
  }
  return 'sse'
}

/** @throws HubError `invalid-query` */
export function switches(parameters: URLSearchParams): Omit<FormatOptions, 'kind'> {
  const heartbeat = single(parameters, 'heartbeat') ?? 'comment'
  if (heartbeat !== 'event' && heartbeat !== 'comment') {
    throw new HubError('invalid-query', 'heartbeat is event or comment.', { pointer: '/heartbeat' })
  }
  return {
    envelope: flag(parameters, 'envelope', false),
    control: flag(parameters, 'control', true),
    heartbeatEvent: heartbeat === 'event',
  }
}

function flag(parameters: URLSearchParams, name: string, standard: boolean): boolean {
  const value = single(parameters, name)
  if (value === undefined) return standard
  if (value === '1' || value === 'true') return true
  if (value === '0' || value === 'false') return false
  throw new HubError('invalid-query', `${name} is 1 or 0.`, { pointer: `/${name}` })
}
