/** A document made once at start, the same for everyone. */
export interface FixedDocument {
  body: Uint8Array<ArrayBuffer>
  headers: Readonly<Record<string, string>>
  /** 200 with the document, or 304 without it when `If-None-Match` already names it. */
  respond(ifNoneMatch: string | null): Response
}

/** `headers` come on top of what makes a browser ask every time and be sent the text only when it has changed. */
export function fixedDocument(text: string, more: Readonly<Record<string, string>>): FixedDocument {
  const body = new TextEncoder().encode(text)
  const etag = `"${new Bun.CryptoHasher('sha256').update(text).digest('hex').slice(0, 32)}"`
  const headers = { 'cache-control': 'no-cache', etag, 'x-content-type-options': 'nosniff', ...more }
  return {
    body,
    headers,
    respond: (ifNoneMatch) =>
      names(ifNoneMatch, etag) ? new Response(null, { status: 304, headers }) : new Response(body, { headers }),
  }
}

/** RFC 9110 section 13.1.2: a list of tags or `*`, compared weakly, because proxies that compress weaken them. */
function names(ifNoneMatch: string | null, etag: string): boolean {
  return (ifNoneMatch ?? '').split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')))
}
