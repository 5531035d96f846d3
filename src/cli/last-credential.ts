import { accessProblems } from '../config/access-combinations.ts'
import type { Config } from '../config/config.ts'

/** What to type for a key. */
export const NEW_KEY = "mcp-sse key new ci --publish 'builds/**' --save"

/** What a start does with `config`, which has no credentials: completes "a start without one …". */
export function startWithoutCredentials(config: Config): string {
  if (accessProblems(config, () => '').length > 0) return 'is refused'
  if (config.auth.open) return 'lets in everyone who can reach it (auth.open)'
  return 'lets in everyone on this machine'
}
