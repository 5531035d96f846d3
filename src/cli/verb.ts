import type { Command } from 'commander'
import type { Io } from './io.ts'

/** What a verb's action hands back: its exit code. */
export type Finish = (exitCode: number) => void

/** Adds options, help and the action to a command that has only its name yet. */
export type Configure = (command: Command, io: Io, finish: Finish) => void

export interface Verb {
  /** Name and arguments as commander writes them: `publish <topic> [data]`. */
  synopsis: string
  summary: string
  /** The rest of the verb, loaded only when it is the one that was asked for: start-up time is part of the contract. */
  load(): Promise<Configure>
}
