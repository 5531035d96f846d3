/** One recipe of a document: a table of the configuration, and the request it makes. */
export interface Recipe {
  title: string
  toml: string
  path: string
  headers: Readonly<Record<string, string>>
  body: string
}

/** Every `###` section of a Markdown text that has a block of TOML and one of HTTP. */
export function httpRecipes(markdown: string): Recipe[] {
  return markdown
    .split(/^### /m)
    .slice(1)
    .flatMap((section) => {
      const toml = block(section, 'toml')
      const http = block(section, 'http')
      if (toml === undefined || http === undefined) return []
      const [head, body] = http.split('\n\n') as [string, string]
      const [request, ...lines] = head.split('\n') as [string, ...string[]]
      const headers = lines.map((line) => line.split(/: (.*)/s, 2) as [string, string])
      return [
        {
          title: section.slice(0, section.indexOf('\n')),
          toml,
          path: request.split(' ')[1]!,
          headers: Object.fromEntries(headers),
          body: body.trimEnd(),
        },
      ]
    })
}

function block(section: string, language: string): string | undefined {
  return new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'ms').exec(section)?.[1]
}
