/** A `Content-Type` as far as it decides something here. */
export interface MediaType {
  /** Lower case, without parameters; empty when none was sent. */
  name: string
  charset: string | undefined
}

const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]+)"?/i

export function mediaTypeOf(request: Request): MediaType {
  const header = request.headers.get('content-type')
  if (header === null) return { name: '', charset: undefined }
  const end = header.indexOf(';')
  if (end === -1) return { name: header.trim().toLowerCase(), charset: undefined }
  return { name: header.slice(0, end).trim().toLowerCase(), charset: CHARSET.exec(header)?.[1] }
}
