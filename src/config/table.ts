import { configKeys, type Key } from './keys.ts'

const HEAD = `# Configuration

Made by \`mcp-sse config print --markdown\`; change \`src/config/schema.ts\` and run it again.

A value is taken from the last of these that has it:

1. the default,
2. the file: the one named by \`--config\`, else the first of \`./mcp-sse.toml\`, \`$XDG_CONFIG_HOME/mcp-sse/mcp-sse.toml\`
   (\`~/.config\` when that is not set) and \`/etc/mcp-sse/mcp-sse.toml\` that is there. One that is and cannot be read stops the start,
3. the file of \`--env-file\` (lines \`NAME=value\`; nothing else reads a \`.env\`),
4. the environment; a variable that is empty counts as not set,
5. the flags of \`serve\`.

A bad value, an unknown key or flag, or values that cannot go together stop the start with exit code 78 and say what is
allowed. Unknown \`MCP_SSE_…\` variables are only warned about, because Kubernetes makes such names by itself.

- Durations: \`500ms\`, \`15s\`, \`10m\`, \`1.5h\`, \`7d\`. Sizes: \`64KiB\`, \`1MiB\`, \`1GB\`, plain bytes.
- Lists: \`["a", "b"]\` in the file, \`a,b\` elsewhere. Tables: TOML in the file; elsewhere the same as TOML or JSON text.
- Secrets have no flag, which every user of a machine sees in \`ps\`. Beside the variable of each there is one that ends in
  \`_FILE\` and names a file with the secret (at most 64 KiB; a list has one item a line); only one of the two may be set.
  Secrets are never printed.
- SIGHUP (\`systemctl reload\`, \`kill -HUP\`) reads all of it again, and takes over all keys but those below that say "Needs
  a restart" ([what that does](reload.md)). What would not start changes nothing. The environment is that of the start: only files can change.
- \`mcp-sse config print\` shows each value and where it comes from, \`config check\` only whether it would start,
  \`config print --sample\` a file to begin with.
`

/** `docs/configuration.md` as it has to be. */
export function configMarkdown(): string {
  const sections = Map.groupBy(configKeys(), (key) => key.path.slice(0, -1).join('.'))
  return [...sections].reduce((text, [section, keys]) => `${text}\n## ${section || 'General'}\n\n${table(keys)}`, HEAD)
}

function table(keys: readonly Key[]): string {
  const rows = keys.map(({ name, env, envFile, flag, meta }) => [
    `\`${name}\``,
    `\`${env}\`<br>\`${envFile ?? flag}\`${envFile ? ' (secret)' : ''}`,
    meta.default === undefined ? (meta.defaultText ?? '') : `\`${meta.default}\``,
    `${capital(meta.allowed)}. ${meta.description}${meta.reloads ? '' : ' Needs a restart.'}`,
  ])
  return [['Key', 'Variable, flag', 'Default', 'Allowed, meaning'], ['---', '---', '---', '---'], ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`)
    .join('')
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
