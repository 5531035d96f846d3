import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Subprocess } from 'bun'
import { freePort } from './port.ts'
import { until } from './until.ts'

const BINARIES = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx']

/** Where nginx is, or `undefined`: then tests that need it are skipped. `NGINX_BIN` names another one. */
export function findNginx(): string | undefined {
  const named = process.env.NGINX_BIN
  if (named) {
    if (!existsSync(named)) throw new Error(`NGINX_BIN names ${named}, which does not exist.`)
    return named
  }
  return BINARIES.find((path) => existsSync(path))
}

export const NO_NGINX = 'skipped: no nginx on this machine (apt-get install nginx-light, or set NGINX_BIN)'

export interface ProxyOptions {
  /** Whether it says for whom it asks, as most guides to nginx tell people to write. */
  forwarded?: boolean
  /** What it says so with. `$proxy_add_x_forwarded_for` is the address of whoever connected, after what that one claimed. */
  forwardedFor?: string
  /** The `Host` the upstream sees; nginx's own default is the name in `proxy_pass`. */
  host?: string
}

/** `location / { proxy_pass … }` as short as it goes: with `forwarded: false` nothing tells the upstream of the proxy. */
export function proxyPass(
  upstreamPort: number,
  { forwarded = false, forwardedFor = '$proxy_add_x_forwarded_for', host = '' }: ProxyOptions = {},
): string {
  return [
    'location / {',
    `  proxy_pass http://127.0.0.1:${upstreamPort};`,
    '  proxy_http_version 1.1;',
    '  proxy_set_header Connection "";',
    ...(host ? [`  proxy_set_header Host ${host};`] : []),
    ...(forwarded
      ? [
          `  proxy_set_header X-Forwarded-For ${forwardedFor};`,
          '  proxy_set_header X-Forwarded-Host $http_host;',
          '  proxy_set_header X-Forwarded-Proto $scheme;',
          '  proxy_set_header X-Real-IP $remote_addr;',
        ]
      : []),
    '}',
  ].join('\n')
}

/**
 * A real nginx on a port of its own. `server` is what stands in its `server { … }`. While the upstream is down it answers
 * 502 by itself; buffering is what nginx does unless the answer forbids it.
 */
export class Nginx {
  readonly port: number
  readonly url: string
  readonly #dir: string
  readonly #child: Subprocess

  private constructor(dir: string, port: number, child: Subprocess) {
    this.port = port
    this.url = `http://127.0.0.1:${port}`
    this.#dir = dir
    this.#child = child
  }

  /** Resolves when it takes connections. @throws with nginx's own words when the configuration is refused */
  static async start(server: string, port = freePort()): Promise<Nginx> {
    const binary = findNginx()
    if (!binary) throw new Error(NO_NGINX)
    const dir = await mkdtemp(join(tmpdir(), 'mcp-sse-nginx-'))
    await writeFile(join(dir, 'nginx.conf'), configuration(dir, port, server))
    // `daemon off` and one process: what is spawned is what is stopped, by its pid.
    const child = Bun.spawn([binary, '-p', dir, '-e', join(dir, 'error.log'), '-c', join(dir, 'nginx.conf')], {
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    })
    const nginx = new Nginx(dir, port, child)
    try {
      await until('nginx to take connections', async () => {
        if (child.exitCode !== null) return true
        const socket = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data() {}, error() {} } })
        socket.end()
        return true
      })
      if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}.`)
    } catch (error) {
      const said = await nginx.errors()
      await nginx.stop()
      throw new Error(`nginx did not start: ${said}`, { cause: error })
    }
    return nginx
  }

  /** What it wrote about errors so far. */
  errors(): Promise<string> {
    return readFile(join(this.#dir, 'error.log'), 'utf8').catch(() => '')
  }

  /** One line a request: method, path with query, status, what the upstream answered. */
  requests(): Promise<string> {
    return readFile(join(this.#dir, 'access.log'), 'utf8').catch(() => '')
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#child.exited
    await rm(this.#dir, { recursive: true, force: true })
  }
}

function configuration(dir: string, port: number, server: string): string {
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${dir}/${kind};`)
  return `
daemon off;
master_process off;
worker_processes 1;
pid ${dir}/pid;
events { worker_connections 1000; }
http {
  ${temp.join('\n  ')}
  log_format short '$request_method $request_uri $status $upstream_status';
  access_log ${dir}/access.log short;
  keepalive_timeout 5s;
  server {
    listen 127.0.0.1:${port};
    ${server.replaceAll('\n', '\n    ')}
  }
}
`
}
