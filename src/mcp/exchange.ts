import type { Caller } from './asking.ts'

/** One HTTP request that the gate let in, and what an era needs to answer it. */
export interface Exchange extends Caller {
  request: Request
  /** Of a POST: its JSON, parsed. */
  body: unknown
  /** Frees the socket of a client that has stopped reading. */
  cut: () => void
}

/** What a client offered to take. Media types only: what a parameter says is not ours to weigh. */
export function offered({ headers }: Request): string[] {
  return (headers.get('accept') ?? '').split(',').map((each) => each.split(';', 1)[0]!.trim().toLowerCase())
}
