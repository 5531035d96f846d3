import { type ErrorCode, HubError } from '../core/errors.ts'
import { didYouMean, quoted } from '../core/suggest.ts'

/** Of the query as it was sent. */
export const MAX_QUERY_LENGTH = 8 * 1024

/**
 * The query of a request, where only `names` are known: a misspelt parameter would otherwise be ignored and the request
 * mean something else. @throws HubError `invalid-query`
 */
export function parametersOf(request: Request, names: readonly string[]): URLSearchParams {
  const start = request.url.indexOf('?')
  if (start === -1) return new URLSearchParams()
  const query = request.url.slice(start + 1)
  if (query.length > MAX_QUERY_LENGTH) {
    throw new HubError('invalid-query', `A query has at most ${MAX_QUERY_LENGTH} characters; use fewer parameters.`)
  }
  const parameters = new URLSearchParams(query)
  for (const name of parameters.keys()) {
    if (names.includes(name)) continue
    const known = names.length === 0 ? 'none' : names.join(', ')
    const hint = didYouMean(name, names) || ` Known here: ${known}.`
    throw new HubError('invalid-query', `There is no query parameter ${quoted(name)}.${hint}`, { pointer: `/${name}` })
  }
  return parameters
}

/** The value of a parameter that counts once; an empty one is absent. @throws HubError `invalid-query` */
export function single(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name).filter((value) => value !== '')
  if (values.length > 1) {
    throw new HubError('invalid-query', `The query parameter ${name} is given more than once.`, {
      pointer: `/${name}`,
    })
  }
  return values[0]
}

/** A whole number from 1 to `most`. @throws HubError `invalid-query` */
export function count(parameters: URLSearchParams, name: string, standard: number, most: number): number {
  const text = single(parameters, name)
  if (text === undefined) return standard
  const value = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : Number.NaN
  if (value <= most) return value
  throw new HubError('invalid-query', `${name} is a whole number from 1 to ${most}.`, { pointer: `/${name}` })
}

/** The path as it was sent, percent-encoded. */
export function pathOf(request: Request): string {
  const start = request.url.indexOf('/', request.url.indexOf('://') + 3)
  const end = request.url.indexOf('?', start)
  return request.url.slice(start, end === -1 ? undefined : end)
}

/**
 * What follows `prefix` in the path, percent-decoded. `%2F` is `/`: a topic is one string, and
 * `encodeURIComponent(topic)` and the topic written plainly name the same one. The URL standard removes `.` and `..`
 * segments before the server sees them, so topics with such segments travel in a body or a query.
 * @throws HubError `code` for percent-encoding that is not UTF-8
 */
export function pathTail(request: Request, prefix: string, code: ErrorCode, pointer = '/topic'): string {
  const tail = pathOf(request).slice(prefix.length)
  if (!tail.includes('%')) return tail
  try {
    return decodeURIComponent(tail)
  } catch (error) {
    throw new HubError(
      code,
      'The path has a % that is not followed by the hexadecimal bytes of UTF-8; write % as %25.',
      { pointer, cause: error },
    )
  }
}
