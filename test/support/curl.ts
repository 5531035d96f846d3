import type { Subprocess } from 'bun'
import { SITE } from './front-proxy.ts'
import { until } from './until.ts'

export interface CurlAnswer {
  /** `2` or `1.1`. */
  version: string
  status: number
  headers: Headers
  body: string
}

/** curl as a client of the proxy on `port`: it speaks HTTP/2, and may have another address than loopback. */
export class Curl {
  readonly #child: Subprocess<'ignore', 'pipe', 'inherit'>
  #output = ''

  /** @param args as on its command line; `path` is of `https://hub.example` */
  constructor(port: number, path: string, args: readonly string[] = []) {
    const site = ['--resolve', `${SITE}:${port}:127.0.0.1`, `https://${SITE}:${port}${path}`]
    this.#child = Bun.spawn(['curl', '-sk', '-N', '-i', '--max-time', '60', ...args, ...site], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'inherit',
    })
    void this.#read()
  }

  /** Of one that ends. */
  static async answer(port: number, path: string, args: readonly string[] = []): Promise<CurlAnswer> {
    const curl = new Curl(port, path, args)
    await curl.#child.exited
    await until('the end of its output', () => curl.#ended)
    return curl.soFar
  }

  #ended = false

  get soFar(): CurlAnswer {
    const end = this.#output.indexOf('\r\n\r\n')
    const [first = '', ...fields] = this.#output.slice(0, Math.max(0, end)).split('\r\n')
    const [protocol = '', status] = first.split(' ')
    const headers = new Headers(fields.map((field) => field.split(/: ?(.*)/s, 2) as [string, string]))
    return {
      version: protocol.replace('HTTP/', ''),
      status: Number(status),
      headers,
      body: this.#output.slice(end + 4),
    }
  }

  /** Resolves with the body when it has this text. */
  async has(text: string): Promise<string> {
    await until(`${JSON.stringify(text)} in ${JSON.stringify(this.#output)}`, () => this.#output.includes(text))
    return this.soFar.body
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#child.exited
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of this.#child.stdout) this.#output += decoder.decode(chunk, { stream: true })
    this.#ended = true
  }
}
