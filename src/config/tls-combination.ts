import type { Settings } from './schema.ts'

/** A certificate without its key, or the other way round, as sentences. `from` names where a key got its value. */
export function tlsProblems(tls: Settings['tls'], from: (key: string) => string): string[] {
  if ((tls.cert === undefined) === (tls.key === undefined)) return []
  const [given, missing] = tls.cert === undefined ? (['key', 'cert'] as const) : (['cert', 'key'] as const)
  return [
    `${from(`tls.${given}`)}: tls.${given} without tls.${missing} is no TLS. Set MCP_SSE_TLS_${missing.toUpperCase()} to the PEM file of the same pair, or remove it.`,
  ]
}
