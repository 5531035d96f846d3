import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

/**
 * Makes the executable: `bun run packaging/build.ts [--target=bun-linux-arm64] [--outfile=dist/mcp-sse]`.
 * It holds the runtime, all code and the worker threads, and reads no file but its configuration and its data.
 */

const root = resolve(import.meta.dir, '..')
const { values } = parseArgs({
  options: { target: { type: 'string' }, outfile: { type: 'string', default: join(root, 'dist/mcp-sse') } },
})
const outfile = resolve(values.outfile)

const build = Bun.spawnSync(
  [
    process.execPath,
    'build',
    '--compile',
    // Whitespace minification breaks Elysia 1.4.30 at start ("Invalid regular expression"), and saves next to nothing.
    '--minify-syntax',
    // Half the time to the first answer. ESM, since the entry point awaits at its top level.
    '--bytecode',
    '--format=esm',
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
    '--define=process.env.NODE_ENV="production"',
    // Where the workers are found inside (src/storage/sqlite/worker-link.ts) follows from this root.
    '--root=src',
    ...(values.target ? [`--target=${values.target}`] : []),
    `--outfile=${outfile}`,
    'src/index.ts',
    'src/storage/sqlite/writer.worker.ts',
    'src/storage/sqlite/reader.worker.ts',
  ],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
)
process.exit(build.exitCode)
