import access from './client/access.js' with { type: 'text' }
import address from './client/address.js' with { type: 'text' }
import lines from './client/lines.js' with { type: 'text' }
import main from './client/main.js' with { type: 'text' }
import publish from './client/publish.js' with { type: 'text' }
import row from './client/row.js' with { type: 'text' }
import stream from './client/stream.js' with { type: 'text' }
import tail from './client/tail.js' with { type: 'text' }
import topics from './client/topics.js' with { type: 'text' }
import { type FixedDocument, fixedDocument } from './fixed-document.ts'
import { joinModules, trim } from './joined.ts'
import html from './page.html' with { type: 'text' }
import base from './style/base.css' with { type: 'text' }
import panels from './style/panels.css' with { type: 'text' }
import tailStyle from './style/tail.css' with { type: 'text' }
import wide from './style/wide.css' with { type: 'text' }

/** Dependencies first. */
const MODULES = [address, access, row, tail, stream, topics, publish, lines, main]

/** In the order of the cascade: what the window's width changes comes last. */
const SHEETS = [base, tailStyle, panels, wide]

/** The page at `/`: one document that loads nothing but the hub's own `/client.js`. */
export function loadPage(): FixedDocument {
  const script = joinModules(MODULES)
  const sheet = trim(SHEETS.join('')).replace(/([{};,])\n/g, '$1')
  // bun-types declares every .html import as a bundle; with `type: 'text'` it is the text.
  const text = fill(fill(trim(html as unknown as string), '/* style */', sheet), '/* script */', script)
  return fixedDocument(text, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy(sheet, script),
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  })
}

/**
 * Topics, types and data are written by whoever may publish. The page inserts them as text only; should that ever fail,
 * the policy runs no script but this one and the hub's own, and Trusted Types refuse every way to turn text into markup.
 *
 * `'self'` comes to `/client.js`: it is the only answer of the hub that a browser runs, all others are no script by their
 * type, which `nosniff` holds it to. A policy can name neither a path without its host nor, in every browser, the hash of
 * a module that is imported.
 */
function policy(style: string, script: string): string {
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${sha256(script)}'`,
    `style-src 'sha256-${sha256(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}

/** Not `replace` with a string: `$&` in the script would be taken for a pattern. */
function fill(text: string, placeholder: string, content: string): string {
  if (/<\/(script|style)|<!--/i.test(content)) throw new Error(`What fills ${placeholder} would end its element early.`)
  return text.replace(placeholder, () => content)
}

function sha256(text: string): string {
  return new Bun.CryptoHasher('sha256').update(text).digest('base64')
}
