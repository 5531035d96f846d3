import { closeSync, constants, createReadStream, fstatSync, fsyncSync, openSync, writeSync } from 'node:fs'
import type { BackupFile } from './manifest.ts'

const CHUNK_BYTES = 1024 * 1024

/**
 * A descriptor to read a file by, to be closed by who asks. A link in its place is refused, and a pipe waits for nobody.
 * @throws what the system says; Error when it is no file
 */
export function openFile(path: string): number {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
  const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  if (fstatSync(file).isFile()) return file
  closeSync(file)
  throw new Error(`${path} is not a file.`)
}

/** @param sink is given every byte in order */
async function hashed(file: number, sink: (chunk: Uint8Array) => void): Promise<Omit<BackupFile, 'name'>> {
  const hasher = new Bun.CryptoHasher('sha256')
  let bytes = 0
  const stream = createReadStream('', { fd: file, autoClose: false, start: 0, highWaterMark: CHUNK_BYTES })
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    hasher.update(chunk)
    bytes += chunk.length
    sink(chunk)
  }
  return { bytes, sha256: hasher.digest('hex') }
}

export async function fingerprint(path: string): Promise<Omit<BackupFile, 'name'>> {
  const file = openFile(path)
  try {
    return await hashed(file, () => {})
  } finally {
    closeSync(file)
  }
}

/** Into a new file that is its owner's alone; on the disk before this resolves. @returns what was written */
export async function copyFile(from: number, to: string): Promise<Omit<BackupFile, 'name'>> {
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
