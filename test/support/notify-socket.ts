import type { Subprocess } from 'bun'
import { until } from './until.ts'

/** One datagram, when it came and from whom (the system's word, not the sender's). */
export interface Notice {
  /** CLOCK_MONOTONIC, microseconds. */
  micros: number
  pid: number
  /** `READY=1` as `READY: '1'`. */
  fields: Record<string, string>
  /** The status of `GET /readyz` asked for at once, of a `READY=1`; 0: nobody listens. */
  readyz?: number
}

/** Bun has no Unix datagram sockets: Python holds it as systemd does, with credentials. */
const RECEIVER = `
import json, socket, struct, sys, time, urllib.request
address, url = sys.argv[1], sys.argv[2]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind('\\0' + address[1:] if address[0] == '@' else address)
print('{}', flush=True)
while True:
    text, credentials, _, _ = s.recvmsg(65536, 256)
    micros = time.monotonic_ns() // 1000
    notice = {'micros': micros, 'pid': struct.unpack('iii', credentials[0][2])[0]}
    notice['fields'] = dict(line.split('=', 1) for line in text.decode().split('\\n'))
    if url and 'READY' in notice['fields']:
        try:
            notice['readyz'] = urllib.request.urlopen(url, timeout=20).status
        except urllib.error.HTTPError as error:
            notice['readyz'] = error.code
        except OSError:
            notice['readyz'] = 0
    print(json.dumps(notice), flush=True)
`

export const canReceive = Bun.which('python3') !== null

/** A service manager's end of the notify protocol. */
export class NotifySocket {
  readonly address: string
  readonly notices: Notice[] = []
  readonly #process: Subprocess<'ignore', 'pipe', 'inherit'>
  #bound = false

  /** @param address a path, or `@` and an abstract name. @param readyz what is asked when the hub says it is ready */
  static async open(address: string, readyz = ''): Promise<NotifySocket> {
    const socket = new NotifySocket(address, readyz)
    await until('the notify socket to be bound', () => socket.#bound)
    return socket
  }

  private constructor(address: string, readyz: string) {
    this.address = address
    this.#process = Bun.spawn(['python3', '-c', RECEIVER, address, readyz], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'inherit',
      // The proxies of this machine are nobody's business here.
      env: { PATH: process.env.PATH ?? '', no_proxy: '*' },
    })
    void this.#collect()
  }

  /** Those with a field of this name. */
  with(field: string): Notice[] {
    return this.notices.filter(({ fields }) => field in fields)
  }

  /** Stops or goes on taking what comes. */
  pause(paused: boolean): void {
    this.#process.kill(paused ? 'SIGSTOP' : 'SIGCONT')
  }

  close(): void {
    this.#process.kill('SIGKILL')
  }

  async #collect(): Promise<void> {
    let text = ''
    for await (const chunk of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (text + chunk).split('\n')
      text = lines.pop()!
      for (const line of lines) {
        if (this.#bound) this.notices.push(JSON.parse(line))
        this.#bound = true
      }
    }
  }
}
