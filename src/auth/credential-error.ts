import { HubError } from '../core/errors.ts'

/** What a credential failed at: for the operator's log and `token check`. One closed list, none of it from the request. */
export type CredentialCheck =
  | 'shown'
  | 'authorization-syntax'
  | 'more-than-one'
  | 'parameter-twice'
  | 'cookie-twice'
  | 'length'
  | 'key'
  | 'key-parameter-grants'
  | 'configured'
  | 'syntax'
  | 'typ'
  | 'alg'
  | 'crit'
  | 'kid'
  | 'signature'
  | 'exp'
  | 'nbf'
  | 'iat'
  | 'iss'
  | 'aud'
  | 'sub'
  | 'grants'
  | 'asker'
  | 'issuer'

export type CredentialErrorCode =
  | 'credential-missing'
  | 'credential-invalid'
  | 'credential-expired'
  | 'forbidden'
  | 'issuer-unavailable'

/** A refused credential. `message` says what to do and holds nothing of the credential; neither does a cause, so it has none. */
export class CredentialError extends HubError {
  readonly check: CredentialCheck

  constructor(code: CredentialErrorCode, check: CredentialCheck, message: string, retryAfterMs?: number) {
    super(code, message, { retryAfterMs })
    this.check = check
  }
}

export function invalidCredential(check: CredentialCheck, message: string): CredentialError {
  return new CredentialError('credential-invalid', check, message)
}
