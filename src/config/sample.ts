import { configKeys, type Key } from './keys.ts'

const HEAD = `# mcp-sse reads the first of: the file of --config, ./mcp-sse.toml, mcp-sse/mcp-sse.toml in the user's
# configuration directory, /etc/mcp-sse/mcp-sse.toml. Variables and flags go before it. Every line below is a default.
`

/** A file with every key, its default and what it does; every key is a comment until someone takes the # away. */
export function sampleConfig(): string {
  let text = HEAD
  let section = ''
  for (const key of configKeys()) {
    const above = key.path.slice(0, -1).join('.')
    if (above !== section) {
      section = above
      text += `\n[${section}]\n`
    }
    text += `\n${comment(key)}${line(key)}`
  }
  return text
}

function comment({ meta, env, envFile, flag }: Key): string {
  return `# ${meta.description}\n# Allowed: ${meta.allowed}. ${[env, envFile ?? flag].join(', ')}\n`
}

function line({ path, meta }: Key): string {
  const name = path.at(-1)
  if (meta.default === undefined) {
    // No example of a secret: it would be taken over as it is.
    return `# Default: ${meta.defaultText}.${meta.example === undefined ? '' : ` Example: ${name} = ${meta.example}`}\n`
  }
  const example = meta.example === undefined ? '' : `# Example: ${name} = ${meta.example}\n`
  return `${example}# ${name} = ${tomlValue(meta.default)}\n`
}

/** Defaults are kept as variables write them. */
function tomlValue(text: string): string {
  return /^(?:\d+|true|false)$/.test(text) || text.startsWith('[') ? text : JSON.stringify(text)
}
