import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const NEXT = '\n## '

/** The newest soak, as a section of the results in the same folder: its verdicts, and where the rest is. '' without one. */
export function soakSection(folder: string): string {
  const file = join(folder, 'soak/RESULTS.md')
  if (!existsSync(file)) return ''
  const text = readFileSync(file, 'utf8')
  const about = /^- \d{4}-.*$/m.exec(text)?.[0] ?? ''
  const begin = text.indexOf('## Verdicts')
  const verdicts = text.slice(begin, text.indexOf(NEXT, begin)).replace('## Verdicts', '')
  return `## Soak\n\nMade by \`bun run soak\`; all of it: [soak/RESULTS.md](soak/RESULTS.md).\n\n${about}\n\n${verdicts.trim()}`
}

/** Results with the newest soak in place of an older one, before "How". */
export function withSoak(results: string, section: string): string {
  const begin = results.indexOf(`${NEXT}Soak\n`)
  const end = begin < 0 ? -1 : results.indexOf(NEXT, begin + 1)
  const without = begin < 0 ? results : results.slice(0, begin) + (end < 0 ? '\n' : results.slice(end))
  const how = without.indexOf(`${NEXT}How\n`)
  if (how < 0) return `${without.trimEnd()}\n\n${section}\n`
  return `${without.slice(0, how).trimEnd()}\n\n${section}\n${without.slice(how)}`
}
