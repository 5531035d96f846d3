import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What one run of the script was given. */
export interface Recorded {
  cursor: string
  data: unknown
}

/**
 * A command for `--exec` that takes a moment, appends the cursor and the document of its event to a file, then does
 * `more`. It ends with who started it, as in a crash of both: what was under way then is not recorded.
 */
export class RecordingScript {
  readonly command: string
  readonly #path: string

  constructor(directory: string, more = '') {
    this.#path = join(directory, 'recorded')
    const script = join(directory, 'record.sh')
    const record = `printf '%s %s\\n' "$MCP_SSE_CURSOR" "$event" >> recorded`
    writeFileSync(script, `read -r event\nsleep 0.01\nkill -0 $PPID 2>/dev/null || exit 1\n${record}\n${more}\n`)
    this.command = `exec sh ${script}`
  }

  get runs(): Recorded[] {
    if (!existsSync(this.#path)) return []
    return readFileSync(this.#path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => ({
        cursor: line.slice(0, line.indexOf(' ')),
        data: JSON.parse(line.slice(line.indexOf(' '))).data,
      }))
  }
}
