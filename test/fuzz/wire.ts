/** What Bun makes of header lines that came over a socket: bytes as Latin-1, line breaks and NUL never inside a value. */
export function headersOf(lines: string): Headers {
  const headers = new Headers()
  for (const line of lines.split(/\r\n|\r|\n/)) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(0, colon))
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) continue
    headers.append(name, Buffer.from(line.slice(colon + 1).replaceAll('\0', '')).toString('latin1'))
  }
  return headers
}

/** What a decoder makes of a body: never half a surrogate pair. */
export function bodyOf(text: string): string {
  return text.toWellFormed()
}

/** A request as a route gets it; whatever `target` is, it is a path and a query of this server. */
export function requestOf(target: string, headers: string, method = 'GET'): Request {
  return new Request(`http://127.0.0.1:3000/${target.replace(/^\/+/, '')}`, { method, headers: headersOf(headers) })
}
