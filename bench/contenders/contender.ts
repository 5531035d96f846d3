export interface Place {
  port: number
  /** Empty, its own, removed afterwards. */
  directory: string
}

export interface Launch {
  command: string[]
  environment?: Record<string, string>
}

/** A server under test and how to talk to it. All of them send the same 200-byte data in frames with id and event. */
export interface Contender {
  name: string
  /** What is measured: product, version, mode. */
  about: string
  /** Writes configuration files if it needs some, and says what to run. */
  launch(place: Place): Promise<Launch>
  /** A path that answers below 500 as soon as the server can be used; it ends by itself. */
  ready: string
  /** The whole request of a reader. */
  stream: string
  /** The whole request that publishes `data` (JSON text) to those readers. */
  publish(data: string): string
}

/** A contender that this machine cannot run, and why. */
export interface Absent {
  name: string
  absent: string
}

export type Found = Contender | Absent

/** Standard output of a command, or `undefined` when it fails or is not there. */
export function outputOf(command: string[]): string | undefined {
  if (!Bun.which(command[0]!)) return undefined
  const run = Bun.spawnSync(command, { stdin: 'ignore' })
  // nginx -v speaks on stderr.
  return run.success ? `${run.stdout}${run.stderr}`.trim() : undefined
}
