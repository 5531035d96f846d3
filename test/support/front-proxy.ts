import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Subprocess } from 'bun'
import type { Certificate } from './certificates.ts'
import { deployRecipe } from './deploy-recipe.ts'
import { findNginx } from './nginx.ts'
import { freePort } from './port.ts'
import { until } from './until.ts'

export type ProxyName = 'nginx' | 'Caddy' | 'HAProxy'

/** The name that the recipes are for. */
export const SITE = 'hub.example'

/** Where the proxy is, or `undefined`: then what needs it is skipped. */
export function findProxy(name: ProxyName): string | undefined {
  if (name === 'nginx') return findNginx()
  const paths = { Caddy: ['/usr/bin/caddy', '/usr/local/bin/caddy'], HAProxy: ['/usr/sbin/haproxy'] }
  return paths[name].find((path) => existsSync(path))
}

interface Place {
  dir: string
  port: number
  hubPort: number
}

const ONLY_PORTS = ({ hubPort }: Place) => ({ '127.0.0.1:3000': `127.0.0.1:${hubPort}` })

const CONFIGURATIONS: Record<
  ProxyName,
  { file: string; text: (place: Place) => string; args: (dir: string) => string[] }
> = {
  nginx: {
    file: 'nginx.conf',
    args: (dir) => ['-p', dir, '-e', join(dir, 'error.log'), '-c', join(dir, 'nginx.conf')],
    text: (place) => {
      const { dir, port } = place
      const recipe = deployRecipe('nginx', 'nginx', {
        ...ONLY_PORTS(place),
        'listen 443 ssl': `listen 127.0.0.1:${port} ssl`,
        'listen [::]:443 ssl http2;': '',
        '/etc/ssl/hub.example/fullchain.pem': join(dir, 'cert.pem'),
        '/etc/ssl/hub.example/key.pem': join(dir, 'key.pem'),
        '/var/log/nginx/': `${dir}/`,
      })
      const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((one) => `${one}_temp_path ${dir}/${one};`)
      return `daemon off; master_process off; worker_processes 1; pid ${dir}/pid;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
${temp.join('\n')}
${recipe}
}
`
    },
  },
  Caddy: {
    file: 'Caddyfile',
    args: (dir) => ['run', '--adapter', 'caddyfile', '--config', join(dir, 'Caddyfile')],
    text: (place) => {
      const site = `${SITE}:${place.port} {\n\tbind 127.0.0.1\n\ttls ${join(place.dir, 'cert.pem')} ${join(place.dir, 'key.pem')}`
      const recipe = deployRecipe('Caddy', 'caddyfile', { ...ONLY_PORTS(place), [`${SITE} {`]: site })
      return `{\n\tadmin off\n\tauto_https disable_redirects\n\tlog {\n\t\toutput file ${join(place.dir, 'proxy.log')}\n\t}\n}\n${recipe}`
    },
  },
  HAProxy: {
    file: 'haproxy.cfg',
    args: (dir) => ['-db', '-f', join(dir, 'haproxy.cfg')],
    text: (place) => {
      const recipe = deployRecipe('HAProxy', 'haproxy', {
        ...ONLY_PORTS(place),
        'bind :443': `bind 127.0.0.1:${place.port}`,
        '/etc/haproxy/hub.example.pem': join(place.dir, 'both.pem'),
      })
      return `global\n  log stdout format raw local0\n${recipe}`
    },
  },
}

/** nginx, Caddy or HAProxy, with what docs/deploy.md says, for `https://hub.example` on a port of 127.0.0.1. */
export class FrontProxy {
  readonly port: number
  /** For clients that take 127.0.0.1 for `hub.example`. */
  readonly url: string
  readonly #dir: string
  readonly #child: Subprocess

  private constructor(dir: string, port: number, child: Subprocess) {
    this.port = port
    this.url = `https://${SITE}:${port}`
    this.#dir = dir
    this.#child = child
  }

  /** Resolves when it takes connections. @throws with its own words when the configuration is refused */
  static async start(name: ProxyName, hubPort: number, { cert, key }: Certificate): Promise<FrontProxy> {
    const dir = await mkdtemp(join(tmpdir(), 'mcp-sse-front-'))
    const port = freePort()
    const { file, text, args } = CONFIGURATIONS[name]
    await writeFile(join(dir, 'cert.pem'), cert)
    await writeFile(join(dir, 'key.pem'), key)
    await writeFile(join(dir, 'both.pem'), cert + key)
    await writeFile(join(dir, file), text({ dir, port, hubPort }))
    const log = Bun.file(join(dir, 'output.log'))
    const child = Bun.spawn([findProxy(name)!, ...args(dir)], {
      cwd: dir,
      env: { PATH: process.env.PATH ?? '', HOME: dir },
      stdin: 'ignore',
      stdout: log,
      stderr: log,
    })
    const front = new FrontProxy(dir, port, child)
    try {
      await until(`${name} to take connections`, async () => {
        if (child.exitCode !== null) return true
        const socket = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data() {}, error() {} } })
        socket.end()
        return true
      })
      if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}.`)
    } catch (error) {
      const said = await front.written()
      await front.stop()
      throw new Error(`${name} did not start: ${said}`, { cause: error })
    }
    return front
  }

  /** All that it wrote, into logs and to its output. */
  async written(): Promise<string> {
    const files = ['output.log', 'error.log', 'mcp-sse.log', 'mcp-sse.error.log', 'proxy.log']
    return (await Promise.all(files.map((file) => readFile(join(this.#dir, file), 'utf8').catch(() => '')))).join('')
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#child.exited
    await rm(this.#dir, { recursive: true, force: true })
  }
}
