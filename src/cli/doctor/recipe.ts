import deploy from '../../../docs/deploy.md' with { type: 'text' }
import type { ProxyKind } from './front.ts'

/** The section of `docs/deploy.md` about one proxy, for whoever has the executable and nothing else. */
export function recipeOf(kind: ProxyKind): string {
  const sections = deploy.split(/^(?=#{2,3} )/m)
  const section = sections.find((text) => text.slice(0, text.indexOf('\n')).toLowerCase() === `### ${kind}`)
  if (section === undefined) throw new Error(`docs/deploy.md has no section about ${kind}.`)
  return `${section.trimEnd()}\n`
}
