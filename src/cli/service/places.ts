import { join } from 'node:path'

export const UNIT = 'mcp-sse.service'

/** Where the parts of the service lie, absolute. */
export interface Places {
  /** Below which everything lies; `/` is this machine's own. */
  root: string
  /** As the unit names them too. */
  executable: string
  key: string
  settings: string
  unit: string
  data: string
}

export function placesBelow(root: string): Places {
  return {
    root,
    executable: join(root, 'usr/local/bin/mcp-sse'),
    key: join(root, 'etc/mcp-sse/key'),
    settings: join(root, 'etc/mcp-sse/mcp-sse.toml'),
    unit: join(root, 'etc/systemd/system', UNIT),
    data: join(root, 'var/lib/mcp-sse'),
  }
}
