import type { Certificate } from '../../config/certificate.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { readableWarning } from '../../config/readable.ts'
import type { Clock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import type { LogLines } from '../../daemon/log-lines.ts'
import type { Listeners } from '../../http/listen.ts'
import type { Io } from '../io.ts'
import { HOW_TO_RELOAD } from '../reload-hint.ts'

const DAY = 86_400_000
/** Let's Encrypt renews 30 days before the end, a third of a life: by now it should have come. */
const WARN_BEFORE = 14 * DAY

export interface HubCertificateOptions {
  env: Io['env']
  clock: Clock
  lines: LogLines
}

/** What `tls.cert` and `tls.key` name. @throws HubError `invalid-config` as `readCertificate`; `undefined`: no TLS */
export async function certificateOf({ config, entries }: LoadedConfig): Promise<Certificate | undefined> {
  if (!config.tls) return undefined
  const { readCertificate } = await import('../../config/certificate.ts')
  return readCertificate(config.tls, (name) => entries.find(({ key }) => key.name === name)?.origin ?? name)
}

/** The certificate that new connections are shown, if any, and what is to be said about it. */
export class HubCertificate {
  readonly #options: HubCertificateOptions
  #shown: Certificate | undefined
  #file = ''
  #unwatch = () => {}

  /** @throws HubError `invalid-config` */
  static async of(loaded: LoadedConfig, options: HubCertificateOptions): Promise<HubCertificate> {
    const certificate = new HubCertificate(options)
    const found = await certificateOf(loaded)
    if (!found) return certificate
    certificate.#take(found, loaded)
    certificate.#sayEnd()
    certificate.#unwatch = options.clock.every(DAY, () => certificate.#sayEnd())
    return certificate
  }

  private constructor(options: HubCertificateOptions) {
    this.#options = options
  }

  get shown(): Certificate | undefined {
    return this.#shown
  }

  /**
   * What a reload finds, and how it is made to count once everything else does. @throws HubError `invalid-config`: also
   * for a certificate that has expired where one that has not is shown, and where there is TLS now and none before
   * @returns it resolves when new connections are shown the certificate, with what is said of that if it is another one
   */
  async next(loaded: LoadedConfig): Promise<(listeners: Pick<Listeners, 'renew'>) => Promise<string | undefined>> {
    const found = await certificateOf(loaded)
    const shown = this.#shown
    if (!found !== !shown) {
      throw new HubError('invalid-config', 'TLS is turned on and off only by a start: stop the hub and start it again.')
    }
    if (!found || !shown) return async () => undefined
    const { lines, clock } = this.#options
    if (found.expires <= clock.now() && shown.expires > clock.now()) {
      throw new HubError(
        'invalid-config',
        `The certificate in ${loaded.config.tls?.cert} has expired (${day(found.expires)}), and the one that is shown has not: get a newer one.`,
      )
    }
    return async (listeners) => {
      if (found.cert === shown.cert && found.key === shown.key) {
        this.#sayEnd()
        return undefined
      }
      try {
        if (!(await listeners.renew(found))) return undefined
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        lines.error(`the new certificate is not shown before the hub is started again: ${reason}`)
        return undefined
      }
      this.#take(found, loaded)
      this.#sayEnd()
      return `the certificate in ${this.#file}, which ends ${day(found.expires)}`
    }
  }

  close(): void {
    this.#unwatch()
  }

  #take(found: Certificate, { config }: LoadedConfig): void {
    this.#shown = found
    const { cert, key } = config.tls!
    this.#file = cert
    const readable = readableWarning(key, key, 'the key of the certificate', this.#options.env)
    if (readable) this.#options.lines.warn(readable)
  }

  #sayEnd(): void {
    const { lines, clock } = this.#options
    const { begins, expires } = this.#shown!
    const now = clock.now()
    const todo = `Put a new one in its place and reload: ${HOW_TO_RELOAD}`
    if (expires <= now) {
      lines.error(
        `the certificate in ${this.#file} has expired (${day(expires)}): clients that check it do not come in. ${todo}`,
      )
    } else if (begins > now) {
      lines.error(
        `the certificate in ${this.#file} begins to count on ${day(begins)}: clients that check it do not come in before. Is the clock of this machine right?`,
      )
    } else if (expires - now < WARN_BEFORE) {
      lines.warn(
        `the certificate in ${this.#file} ends in ${Math.floor((expires - now) / DAY)} days (${day(expires)}). ${todo}`,
      )
    }
  }
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
