/** A value as one source has it, before it is checked. */
export interface Setting {
  /** `stream.max_age` */
  key: string
  value: unknown
  /** Where it comes from, in words a person can find: `mcp-sse.toml:12`, `DATA_DIR`, `--data-dir`. */
  origin: string
}

const MAX_SHOWN = 200

/** `origin: key = value is refused; allowed is …`, the one form of every refusal of a value. A secret is not shown. */
export function refusal(setting: Setting, sentence: string, isSecret = false): string {
  if (isSecret) return `${setting.origin}: ${setting.key} is refused; ${sentence}`
  const value = typeof setting.value === 'string' ? setting.value : (JSON.stringify(setting.value) ?? 'nothing')
  const named = withoutUrlSecrets(value)
  const shown = named.length > MAX_SHOWN ? `${named.slice(0, MAX_SHOWN)}…` : named
  return `${setting.origin}: ${setting.key} = ${shown} is refused; ${sentence}`
}

/** URLs without user, password and query, where operators put secrets. */
export function withoutUrlSecrets(text: string): string {
  return text.replaceAll(/\/\/[^/@\s]*@/g, '//…@').replaceAll(/(:\/\/[^\s?"]*)\?[^\s"]*/g, '$1?…')
}
