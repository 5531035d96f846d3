import { version } from '../../../package.json'
import type { Certificate } from '../../config/certificate.ts'
import { type Config, FIRST_KEY } from '../../config/config.ts'
import { isLoopback } from '../../config/host.ts'
import type { LogLines } from '../../daemon/log-lines.ts'
import type { Output } from '../io.ts'
import { accessMode } from './access-settings.ts'

export interface Place {
  urls: readonly string[]
  port: number
  /** The key that it made for itself counts. */
  firstKey: boolean
  /** What it shows, and the name by which people reach it; `undefined`: no TLS. */
  certificate?: Pick<Certificate, 'cert' | 'host'> | undefined
}

/** The lines of a start. No key is in them: whoever has one puts it where the example takes it from. */
export async function welcome(config: Config, { urls, port, firstKey, certificate }: Place): Promise<string> {
  const kept = config.durability === 'memory' ? 'in memory only: gone with the process' : config.dataDir
  const local = config.hosts.some((host) => isLoopback(host) || host === '0.0.0.0' || host === '::')
  const plain = local ? `localhost:${port}` : urls[0]!.replace(/^http:\/\//, '')
  const secure = certificate && (config.publicUrl ?? `https://${certificate.host}:${port}`)
  const place = secure ?? plain
  const url = secure ?? config.publicUrl ?? `http://${plain}`
  const credential = needsCredential(config) ? `-H "Authorization: Bearer $MCP_SSE_KEY" ` : ''
  const trust = certificate && shownAt(secure!, port) ? await trustOf(config, certificate.cert) : ''
  return [
    `mcp-sse ${version} listens on ${urls.join(' and ')}`,
    `  data   ${kept} (durability ${config.durability})`,
    `  access ${accessLine(config, firstKey)}`,
    `  page   ${url}/`,
    `  mcp    ${url}/mcp`,
    `  try    curl ${trust}${credential}-d 'hello' ${place}/events/greetings`,
    '',
  ].join('\n')
}

/** Whether `url` leads to the hub itself, as far as can be told: at another port a proxy shows a certificate of its own. */
function shownAt(url: string, port: number): boolean {
  return Number(new URL(url).port || 443) === port
}

/** What curl has to be told of a certificate that no public authority signed: it takes one of the chain for the authority. */
async function trustOf({ tls }: Config, pem: string): Promise<string> {
  const { isOfPublicAuthority } = await import('../../config/public-authority.ts')
  if (isOfPublicAuthority(pem)) return ''
  const path = tls!.cert
  return `--cacert ${/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`} `
}

/** Waits for nobody: a hub whose stdout is closed, full or not read runs all the same. */
export function greet(text: string, stdout: Output, lines: LogLines): void {
  stdout.write(text).catch((error: unknown) => {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    lines.warn(`what a start says could not be written to stdout (${reason}); the hub runs all the same.`)
  })
}

/** `2 keys (ci, web), tokens of https://login.example; without a credential read public/**` */
export function accessLine(config: Config, firstKey: boolean): string {
  const mode = accessMode(config)
  if (mode === 'open') return 'open: anyone on this machine may publish and read'
  if (mode === 'open to all') return 'open to all: anyone who can reach it may publish, read and erase (auth.open)'
  const { key, keys, jwt, anonymous } = config.auth
  const known: string[] = []
  if (key !== undefined) known.push('auth.key')
  if (firstKey) known.push(FIRST_KEY)
  if (keys.length > 0) known.push(`${keys.length} ${keys.length === 1 ? 'key' : 'keys'}`)
  if (jwt.jwks || jwt.secrets.length > 0) known.push(jwt.issuer ? `tokens of ${jwt.issuer}` : 'tokens')
  const allowed = [
    ...(anonymous.publish.length > 0 ? [`publish to ${anonymous.publish.join(', ')}`] : []),
    ...(anonymous.subscribe.length > 0 ? [`read ${anonymous.subscribe.join(', ')}`] : []),
  ]
  return `${known.join(', ')}; without a credential ${allowed.join(' and ') || 'nothing'}`
}

function needsCredential(config: Config): boolean {
  return accessMode(config) === 'credentials'
}
