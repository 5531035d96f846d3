import address from './client/address.js' with { type: 'text' }
import lines from './client/lines.js' with { type: 'text' }
import main from './client/main.js' with { type: 'text' }
import publish from './client/publish.js' with { type: 'text' }
import row from './client/row.js' with { type: 'text' }
import stream from './client/stream.js' with { type: 'text' }
import tail from './client/tail.js' with { type: 'text' }
import topics from './client/topics.js' with { type: 'text' }
import html from './page.html' with { type: 'text' }
import base from './style/base.css' with { type: 'text' }
import panels from './style/panels.css' with { type: 'text' }
import tailStyle from './style/tail.css' with { type: 'text' }
import wide from './style/wide.css' with { type: 'text' }

/** The page at `/`: one document, made once at start, that loads nothing from elsewhere. */
export interface Page {
  /** UTF-8 HTML, style and script inside. */
  body: Uint8Array<ArrayBuffer>
  headers: Readonly<Record<string, string>>
  /** 200 with the page, or 304 without it when `If-None-Match` already names it. */
  respond(ifNoneMatch: string | null): Response
}

/** Dependencies first. */
const MODULES = [address, row, tail, stream, topics, publish, lines, main]

/** In the order of the cascade: what the window's width changes comes last. */
const SHEETS = [base, tailStyle, panels, wide]

export function loadPage(): Page {
  const script = joinModules(MODULES)
  const sheet = trim(SHEETS.join('')).replace(/([{};,])\n/g, '$1')
  // bun-types declares every .html import as a bundle; with `type: 'text'` it is the text.
  const text = fill(fill(trim(html as unknown as string), '/* style */', sheet), '/* script */', script)
  const body = new TextEncoder().encode(text)
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy(sheet, script),
    'cache-control': 'no-cache',
    etag: `"${sha256(text, 'hex').slice(0, 32)}"`,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  }
  return {
    body,
    headers,
    respond: (ifNoneMatch) =>
      names(ifNoneMatch, headers.etag) ? new Response(null, { status: 304, headers }) : new Response(body, { headers }),
  }
}

/**
 * Topics, types and data are written by whoever may publish. The page inserts them as text only; should that ever fail,
 * the policy runs no script but this one, and Trusted Types refuse every way to turn text into markup.
 */
function policy(style: string, script: string): string {
  return [
    "default-src 'none'",
    `script-src 'sha256-${sha256(script, 'base64')}'`,
    `style-src 'sha256-${sha256(style, 'base64')}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}

/** ES modules as one: they are one scope in the page, so imports between them go and exports become plain names. */
function joinModules(modules: readonly string[]): string {
  return trim(modules.map((module) => module.replace(/^import .*\n/gm, '').replace(/^export /gm, '')).join('\n'))
}

/** Without comment lines and indentation: a fifth of the bytes. No template literal of the page spans lines. */
function trim(code: string): string {
  return code.replace(/^\s*(\/\/.*|\/\*\*[\s\S]*?\*\/)\n/gm, '').replace(/^\s+/gm, '')
}

/** Not `replace` with a string: `$&` in the script would be taken for a pattern. */
function fill(text: string, placeholder: string, content: string): string {
  if (/<\/(script|style)|<!--/i.test(content)) throw new Error(`What fills ${placeholder} would end its element early.`)
  return text.replace(placeholder, () => content)
}

/** RFC 9110 section 13.1.2: a list of tags or `*`, compared weakly, because proxies that compress weaken them. */
function names(ifNoneMatch: string | null, etag: string): boolean {
  return (ifNoneMatch ?? '').split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')))
}

function sha256(text: string, encoding: 'hex' | 'base64'): string {
  return new Bun.CryptoHasher('sha256').update(text).digest(encoding)
}
