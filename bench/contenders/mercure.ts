import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import { get, post } from '../http-text.ts'
import type { Found } from './contender.ts'
import { goBuild } from './go-build.ts'

const VERSION = 'v0.24.2'
const KEY = 'only-for-this-benchmark-on-loopback-0123456789'

// The root certificates that Caddy embeds are not on every Go proxy, and nothing here speaks TLS.
const MAIN = `package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/dunglas/mercure/caddy"
)

func main() { caddycmd.Main() }
`

/** The Mercure hub in Caddy, with its transport that keeps nothing. */
export async function mercure(build: boolean): Promise<Found> {
  const built = await goBuild(
    {
      name: 'mercure',
      module: `github.com/dunglas/mercure/caddy@${VERSION}`,
      main: MAIN,
      emptied: ['golang.org/x/crypto/x509roots/fallback'],
    },
    build,
  )
  if ('absent' in built) return { name: 'mercure', absent: built.absent }
  const authorization = `Bearer ${token()}`
  return {
    name: 'mercure',
    about: `Mercure ${VERSION} in Caddy, local transport (nothing on disk)`,
    ready: '/livez',
    stream: get('/.well-known/mercure?topic=bench', { accept: 'text/event-stream' }),
    // A literal @ keeps the load tool's placeholder in one piece.
    publish: (data) =>
      post('/.well-known/mercure', `topic=bench&type=tick&data=${encodeURIComponent(data).replaceAll('%40', '@')}`, {
        authorization,
        'content-type': 'application/x-www-form-urlencoded',
      }),
    async launch({ port, directory }) {
      const file = join(directory, 'Caddyfile')
      await Bun.write(file, caddyfile(port))
      return {
        command: [built.binary, 'run', '--config', file, '--adapter', 'caddyfile'],
        environment: { XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory },
      }
    },
  }
}

function caddyfile(port: number): string {
  return `{
	admin off
	auto_https off
	persist_config off
	log {
		level ERROR
	}
}
http://127.0.0.1:${port} {
	bind 127.0.0.1
	respond /livez 200
	mercure {
		transport local
		publisher_jwt ${KEY}
		subscriber_jwt ${KEY}
		anonymous
	}
}
`
}

function token(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ mercure: { publish: ['*'] } })}`
  return `${signed}.${createHmac('sha256', KEY).update(signed).digest('base64url')}`
}
