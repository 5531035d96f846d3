import { newApiKey } from '../../auth/api-keys.ts'
import { type Config, needsFirstKey } from '../../config/config.ts'
import { readFirstKey, writeFirstKey } from '../../daemon/first-key.ts'
import { IO_ERROR } from '../exit.ts'
import { CommandFailure } from '../failure.ts'
import type { Output } from '../io.ts'

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
   * who holds the lock of the directory. @throws HubError as `readFirstKey` and `writeFirstKey`, CommandFailure
   */
  async of(config: Config): Promise<string | undefined> {
    if (!config.auth.makeKey) return undefined
    const kept = config.durability === 'memory' ? this.#temporary : readFirstKey(config.dataDir)
    if (kept !== undefined || !needsFirstKey(config.auth)) return kept
    const { key, sha256 } = newApiKey()
    // Printed before it counts: a key that nobody was shown would lock everyone out.
    await this.#show(key)
    if (config.durability === 'memory') this.#temporary = sha256
    else writeFirstKey(config.dataDir, sha256)
    return sha256
  }

  /** The only place where it ever stands, so a failure is none that a hub may go on with. */
  async #show(key: string): Promise<void> {
    try {
      await this.#stdout.write(`mcp-sse: there was no credential, so a key was made. It may do everything and is shown only this once:

  export MCP_SSE_KEY=${key}

`)
    } catch (error) {
      const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
      throw new CommandFailure(
        `The key that was made could not be shown on stdout (${reason}) and does not count. Let stdout be read, or set a credential.`,
        'MCP_SSE_AUTH_KEY_FILE=<file with a key> mcp-sse serve',
        IO_ERROR,
        error,
      )
    }
  }
}
