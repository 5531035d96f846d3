import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newApiKey } from '../../src/auth/api-keys.ts'
import { keyBlock } from '../../src/config/key-blocks.ts'
import { serveCommand } from '../contenders/mcp-sse.ts'
import { KeptProcess } from './kept-process.ts'

export const RETENTION = { events: 50_000, bytes: 32 * 2 ** 20 }
/** Short, so that what is forgotten by time is forgotten within the run. */
export const SESSION_IDLE_S = 60
const MAX_STALL_S = 10

/** The hub under load: its directory, its keys, its configuration, which every reload finds changed. */
export class SoakedHub {
  readonly port: number
  readonly url: string
  readonly dataDir: string
  readonly form: string
  readonly executable: readonly string[]
  readonly process: KeptProcess
  readonly #directory: string
  readonly #forwardUrl: string
  readonly #admin = newApiKey()
  readonly #visitor = newApiKey()
  #edition = 0

  constructor(directory: string, port: number, forwardUrl: string) {
    const serve = serveCommand()
    if (!serve) throw new Error('There is neither dist/mcp-sse nor src/index.ts; run bun run build.')
    this.port = port
    this.url = `http://127.0.0.1:${port}`
    this.form = serve.form
    this.#directory = directory
    this.#forwardUrl = forwardUrl
    this.dataDir = join(directory, 'data')
    mkdirSync(directory, { recursive: true })
    this.executable = kept(serve.command.slice(0, -1), directory)
    this.#configure()
    this.process = new KeptProcess({
      command: [...this.executable, 'serve'],
      directory,
      environment: { PORT: String(port), HOST: '127.0.0.1', DATA_DIR: this.dataDir },
      output: join(directory, 'hub.log'),
      readyUrl: `${this.url}/readyz`,
    })
  }

  get authorization(): string {
    return `Bearer ${this.#admin.key}`
  }

  /** A key that every other reload takes away. */
  get visitorAuthorization(): string {
    return `Bearer ${this.#visitor.key}`
  }

  /** Writes the next edition of the configuration and has it read. */
  reload(): void {
    this.#edition++
    this.#configure()
    this.process.signal('SIGHUP')
  }

  #configure(): void {
    const everything = { publish: ['**'], subscribe: ['**'], admin: true, metrics: true, expires: undefined }
    const admin = { name: 'soak', sha256: this.#admin.sha256, ...everything }
    const reading = { publish: [], subscribe: ['soak/**'], admin: false, metrics: false, expires: undefined }
    const visitor = { name: 'visitor', sha256: this.#visitor.sha256, ...reading }
    const even = this.#edition % 2 === 0
    const text = `cors_origin = ["https://${even ? 'even' : 'odd'}.example"]
durability = "full"

[retention]
max_events = ${RETENTION.events}
max_bytes = ${RETENTION.bytes}
topics = [{ pattern = "soak/9/**", max_events = 5000 }]

[stream]
max_age = "4m"
max_stall = "${MAX_STALL_S}s"

[limits]
connections_per_principal = 5000
publish_rate = 1000000

[mcp]
session_idle = "${SESSION_IDLE_S}s"

[[forward]]
name = "soaked"
topic = "soak/0/*"
url = "${this.#forwardUrl}"
private = true
at_once = 4

${keyBlock(admin)}
${even ? keyBlock(visitor) : ''}`
    writeFileSync(join(this.#directory, 'mcp-sse.toml'), text, { mode: 0o600 })
  }
}

/** A copy of the executable: a build in the middle of the run must not change what is restarted. */
function kept(command: readonly string[], directory: string): readonly string[] {
  const [program, ...rest] = command
  if (rest.length > 0) return command
  const copy = join(directory, 'mcp-sse')
  copyFileSync(program!, copy)
  return [copy]
}
