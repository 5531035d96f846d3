import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildExecutable } from './executable.ts'

/** `bun run build [--target=bun-linux-arm64] [--outfile=dist/mcp-sse]` */

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    outfile: { type: 'string', default: join(resolve(import.meta.dir, '..'), 'dist/mcp-sse') },
  },
})
process.exit(buildExecutable(resolve(values.outfile), values.target))
