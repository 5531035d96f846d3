import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { compile } from './compile.ts'

/**
 * Makes the executable: `bun run packaging/build.ts [--target=bun-linux-arm64] [--outfile=dist/mcp-sse]`.
 * It holds the runtime, all code and the worker threads, and reads no file but its configuration and its data.
 */

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    outfile: { type: 'string', default: join(resolve(import.meta.dir, '..'), 'dist/mcp-sse') },
  },
})
process.exit(
  compile({
    // Where the workers are found inside (src/storage/worker/worker-link.ts) follows from this root.
    root: 'src',
    entries: [
      'src/index.ts',
      'src/storage/sqlite/writer.worker.ts',
      'src/storage/sqlite/reader.worker.ts',
      'src/storage/outlets/outlets.worker.ts',
    ],
    outfile: resolve(values.outfile),
    target: values.target,
  }),
)
