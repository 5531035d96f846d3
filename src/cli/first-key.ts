import { newApiKey } from '../auth/api-keys.ts'
import { type Config, needsFirstKey } from '../config/config.ts'
import { readFirstKey, writeFirstKey } from '../daemon/first-key.ts'
import type { Output } from './io.ts'

/** The key that a hub makes for itself when nothing else keeps people out (`auth.make_key`). */
export class FirstKey {
  readonly #stdout: Output
  /** Of a hub that keeps nothing. */
  #temporary: string | undefined

  constructor(stdout: Output) {
    this.#stdout = stdout
  }

  /**
   * SHA-256 of the key, which is made and printed if it has to be there and is not; `undefined`: there is none. Only for
   * who holds the lock of the directory. @throws HubError as `readFirstKey` and `writeFirstKey`
   */
  async of(config: Config): Promise<string | undefined> {
    if (!config.auth.makeKey) return undefined
    const kept = config.durability === 'memory' ? this.#temporary : readFirstKey(config.dataDir)
    if (kept !== undefined || !needsFirstKey(config.auth)) return kept
    const { key, sha256 } = newApiKey()
    // Printed before it counts: a key that nobody was shown would lock everyone out.
    await this.#stdout.write(`mcp-sse: there was no credential, so a key was made. It may do everything and is shown only this once:

  export MCP_SSE_KEY=${key}

`)
    if (config.durability === 'memory') this.#temporary = sha256
    else writeFirstKey(config.dataDir, sha256)
    return sha256
  }
}
