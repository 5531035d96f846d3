/** ES modules as one, dependencies first: they become one scope, so imports between them go and exports are plain names. */
export function joinModules(modules: readonly string[]): string {
  return trim(
    modules.map((module) => module.replace(/^import .* from '\.\/.*\n/gm, '').replace(/^export /gm, '')).join('\n'),
  )
}

/** Without comment lines and indentation: a fifth of the bytes. No template literal in them spans lines. */
export function trim(code: string): string {
  return code.replace(/^\s*(\/\/.*|\/\*\*[\s\S]*?\*\/)\n/gm, '').replace(/^\s+/gm, '')
}
