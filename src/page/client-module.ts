import connect from './client-module/connect.js' with { type: 'text' }
import tabs from './client-module/tabs.js' with { type: 'text' }
import tickets from './client-module/tickets.js' with { type: 'text' }
import { type FixedDocument, fixedDocument } from './fixed-document.ts'
import { joinModules } from './joined.ts'

/** Bun 1.4.5 takes `minify`; bun-types do not declare it yet. */
const MINIFIED = {
  loader: 'js',
  target: 'browser',
  minify: { whitespace: true, syntax: true, identifiers: true },
} as const

/** `/client.js`: the browser module that follows a hub (docs/client.md). Which sites may import it is the gate's to say. */
export function loadClient(): FixedDocument {
  const module = `${joinModules([tickets, tabs, connect])}export { connect }\n`
  return fixedDocument(new Bun.Transpiler(MINIFIED).transformSync(module), {
    'content-type': 'text/javascript; charset=utf-8',
    'cross-origin-resource-policy': 'cross-origin',
  })
}
