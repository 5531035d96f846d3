import { closeSync, createReadStream, fsyncSync, openSync, statSync, writeSync } from 'node:fs'
import type { BackupFile } from './manifest.ts'

const CHUNK_BYTES = 1024 * 1024

/** @param sink is given every byte in order */
async function hashed(path: string, sink: (chunk: Uint8Array) => void): Promise<Omit<BackupFile, 'name'>> {
  const hasher = new Bun.CryptoHasher('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Uint8Array>) {
    hasher.update(chunk)
    bytes += chunk.length
    sink(chunk)
  }
  return { bytes, sha256: hasher.digest('hex') }
}

export function fingerprint(path: string): Promise<Omit<BackupFile, 'name'>> {
  return hashed(path, () => {})
}

/** Into a new file that is its owner's alone; on the disk before this resolves. @returns what was written */
export async function copyFile(from: string, to: string): Promise<Omit<BackupFile, 'name'>> {
  if (!statSync(from).isFile()) throw new Error(`${from} is not a file.`)
  const file = openSync(to, 'wx', 0o600)
  try {
    const print = await hashed(from, (chunk) => {
      for (let written = 0; written < chunk.length; ) written += writeSync(file, chunk, written)
    })
    fsyncSync(file)
    return print
  } finally {
    closeSync(file)
  }
}
