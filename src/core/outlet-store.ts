/** One delivery that was tried and will be tried again. */
export interface WaitingDelivery {
  /** Of the event in the log, which still has it: what was erased is not sent. */
  offset: number
  /** How often it was tried. */
  attempts: number
  /** Milliseconds of the wall clock at which it was tried first, and at which it may be tried again. */
  firstAt: number
  dueAt: number
  /** The cursor its body has: every attempt sends the same bytes. */
  cursor: string
}

/** What the hub sends somewhere by itself, as it outlasts a restart. */
export interface StoredOutlet {
  /** `sub_…` of a webhook subscription, `forward:<name>` of a forward. */
  id: string
  /** What it is, JSON of its owner; secrets in it are sealed. */
  definition: string
  /** How far it is, JSON of its owner. */
  progress: string
  waiting: readonly WaitingDelivery[]
}

/** What has happened to one outlet since the last time. */
export interface OutletChange {
  id: string
  progress: string
  /** New, or with another attempt. */
  waiting: readonly WaitingDelivery[]
  /** Offsets of those that wait no more. */
  settled: readonly number[]
}

/** That a callback has answered its challenge, for one principal (SEP-3415: never for another). */
export interface VerifiedCallback {
  principal: string
  url: string
  /** Milliseconds of the wall clock. */
  at: number
}

/**
 * Where outlets outlast a restart: the port. Two implementations run one contract suite (`test/contract/outlet-store.ts`).
 * Calls take effect in the order they were made. What was put or removed survives a power cut once the promise resolves;
 * what was recorded survives the process, and the last of it may be missing after a power cut: it is then sent again.
 */
export interface OutletStore {
  /** Whether anything outlasts the process at all. */
  readonly durable: boolean
  /** As they were when it was opened. */
  readonly outlets: readonly StoredOutlet[]
  readonly verified: readonly VerifiedCallback[]

  /** A new one, or another definition of a known one, whose waiting deliveries stay. @throws HubError `disk-full`, `log-failed`, `log-closed` */
  put(outlet: Omit<StoredOutlet, 'waiting'>): Promise<void>

  /** With what waits for them; unknown ones are let be. @throws as `put` */
  remove(ids: readonly string[]): Promise<void>

  /** Of outlets that are gone nothing is kept. @throws as `put` */
  record(changes: readonly OutletChange[]): Promise<void>

  /** @throws as `put` */
  verify(callback: VerifiedCallback): Promise<void>

  /** @throws as `put` */
  forgetVerified(callbacks: readonly Pick<VerifiedCallback, 'principal' | 'url'>[]): Promise<void>

  /** Waits for what was asked. Idempotent. */
  close(): Promise<void>
}
