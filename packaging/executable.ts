import { compile } from './compile.ts'

/**
 * Makes the executable of the hub: the runtime, all code and the worker threads. It reads no file but its configuration
 * and its data. @param target `bun-linux-arm64`; default: this machine. @returns the exit code of the build
 */
export function buildExecutable(outfile: string, target?: string): number {
  return compile({
    // Where the workers are found inside (src/storage/worker/worker-link.ts) follows from this root.
    root: 'src',
    entries: [
      'src/index.ts',
      'src/storage/sqlite/writer.worker.ts',
      'src/storage/sqlite/reader.worker.ts',
      'src/storage/outlets/outlets.worker.ts',
      'src/storage/archive/copy.worker.ts',
    ],
    outfile,
    target,
  })
}
