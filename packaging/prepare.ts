/**
 * `npm install` resolves transitive dependencies afresh; bun.lock says which ones were tested.
 * npm runs this after it has brought Bun, and Bun then puts node_modules in line with the lock.
 * `--ignore-scripts` keeps `bun install` from running this script again.
 */
const omitsDevelopment = (process.env.npm_config_omit ?? '').split(/[\s,]+/).includes('dev')
const install = Bun.spawnSync(
  [process.execPath, 'install', '--frozen-lockfile', '--ignore-scripts', ...(omitsDevelopment ? ['--production'] : [])],
  { stdio: ['ignore', 'inherit', 'inherit'] },
)
process.exit(install.exitCode)
