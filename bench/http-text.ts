/** Raw HTTP/1.1 request text: the load tools send it as it stands. */
export function get(path: string, headers: Record<string, string> = {}): string {
  return `GET ${path} HTTP/1.1\r\n${lines({ host: '127.0.0.1', ...headers })}\r\n`
}

export function post(path: string, body: string, headers: Record<string, string> = {}): string {
  const all = { host: '127.0.0.1', ...headers, 'content-length': String(Buffer.byteLength(body)) }
  return `POST ${path} HTTP/1.1\r\n${lines(all)}\r\n${body}`
}

function lines(headers: Record<string, string>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
}
