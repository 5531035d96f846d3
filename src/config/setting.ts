/** A value as one source has it, before it is checked. */
export interface Setting {
  /** `stream.max_age` */
  key: string
  value: unknown
  /** Where it comes from, in words a person can find: `mcp-sse.toml:12`, `DATA_DIR`, `--data-dir`. */
  origin: string
}

const MAX_SHOWN = 200

/** `origin: key = value is refused; allowed is …`, the one form of every refusal of a value. */
export function refusal(setting: Setting, sentence: string): string {
  const value = typeof setting.value === 'string' ? setting.value : (JSON.stringify(setting.value) ?? 'nothing')
  const shown = value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value
  return `${setting.origin}: ${setting.key} = ${shown} is refused; ${sentence}`
}
