import {
  exportJWK,
  exportPKCS8,
  exportSPKI,
  generateKeyPair,
  importPKCS8,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose'

export interface SigningKey {
  kid: string
  alg: string
  publicJwk: JWK
  /** SPKI, PEM. */
  publicPem: string
  sign(claims: JWTPayload, header?: Record<string, unknown>): Promise<string>
}

/** A key pair as an issuer has them: `ES256` is quick to make. */
export async function signingKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const key = await importPKCS8(await exportPKCS8(privateKey), alg)
  return {
    kid,
    alg,
    publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' },
    publicPem: await exportSPKI(publicKey),
    sign: (claims, header = {}) => new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(key),
  }
}

/** Answers a request for the keys; a promise that does not end is an issuer that hangs. */
export type Answer = (keys: readonly SigningKey[]) => Response | Promise<Response>

const answerKeys: Answer = (keys) => Response.json({ keys: keys.map((key) => key.publicJwk) })

/** A token issuer that publishes its keys over HTTP on loopback, and counts who asks for them. */
export class Issuer implements AsyncDisposable {
  keys: SigningKey[]
  answer: Answer = answerKeys
  requests = 0
  readonly #server: ReturnType<typeof Bun.serve>

  constructor(...keys: SigningKey[]) {
    this.keys = keys
    this.#server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      development: false,
      fetch: () => {
        this.requests++
        return this.answer(this.keys)
      },
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}/jwks.json`
  }

  rotate(...keys: SigningKey[]): void {
    this.keys = keys
  }

  fail(): void {
    this.answer = () => new Response('no', { status: 500 })
  }

  recover(): void {
    this.answer = answerKeys
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true)
  }
}
