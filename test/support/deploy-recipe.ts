import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const PAGE = resolve(import.meta.dir, '../../docs/deploy.md')

/**
 * The configuration that docs/deploy.md shows below the heading `### name`, as it stands there but for `replaced`: ports and
 * files that are another machine's. @throws when the page no longer has one of these texts
 */
export function deployRecipe(name: string, language: string, replaced: Readonly<Record<string, string>>): string {
  const section = readFileSync(PAGE, 'utf8').split(`\n### ${name}\n`)[1]
  const block = section && new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'ms').exec(section)?.[1]
  if (!block) throw new Error(`docs/deploy.md has no ${language} block below "${name}".`)
  return Object.entries(replaced).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`The recipe for ${name} in docs/deploy.md has no "${from}".`)
    return text.replaceAll(from, to)
  }, block)
}
