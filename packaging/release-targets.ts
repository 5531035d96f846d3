export interface ReleaseTarget {
  /** `linux-x64-musl`: how `--only` and file names call it. */
  name: string
  /** As `bun build --target` calls it. */
  bun: string
}

/** Every platform there is an executable for. */
export const RELEASE_TARGETS: readonly ReleaseTarget[] = [
  { name: 'linux-x64', bun: 'bun-linux-x64' },
  { name: 'linux-arm64', bun: 'bun-linux-arm64' },
  { name: 'linux-x64-musl', bun: 'bun-linux-x64-musl' },
  { name: 'linux-arm64-musl', bun: 'bun-linux-arm64-musl' },
  { name: 'macos-x64', bun: 'bun-darwin-x64' },
  { name: 'macos-arm64', bun: 'bun-darwin-arm64' },
  { name: 'windows-x64', bun: 'bun-windows-x64' },
]

/** `mcp-sse-0.1.0-linux-x64`; packaging/install.sh finds it by its end. */
export function releaseFile(version: string, { name }: ReleaseTarget): string {
  return `mcp-sse-${version}-${name}${name.startsWith('windows-') ? '.exe' : ''}`
}
