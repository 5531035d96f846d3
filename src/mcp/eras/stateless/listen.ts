import { type RequestId, SERVER_INFO_META_KEY, SUBSCRIPTION_ID_META_KEY } from '@modelcontextprotocol/server'
import type { CloseReason } from '../../../core/close-reason.ts'
import type { Principal } from '../../../core/principal.ts'
import type { Caller } from '../../asking.ts'
import type { Catalogue, Watched } from '../../catalogue/catalogue.ts'
import { messageFrame } from '../../json-rpc.ts'
import type { Outbox } from '../../outbox.ts'
import type { Changed } from '../../parts.ts'
import type { ResourceWatch } from '../../watching/resource-watch.ts'
import type { Told, Watching } from '../../watching.ts'
import type { Acknowledgement } from './acknowledgement.ts'
import type { Listens } from './listens.ts'

/** What all listeners share. */
export interface ListenHost {
  readonly watching: Watching
  readonly listens: Listens
  /** Named in the last word. */
  readonly server: Pick<Catalogue, 'name' | 'title' | 'version'>
}

/** One stream of `subscriptions/listen` (2026-07-28, basic/utilities/subscriptions): what it is told goes into its outbox. */
export class Listen implements Told {
  readonly principal: Principal
  readonly #host: ListenHost
  readonly #id: RequestId
  readonly #tools: boolean
  readonly #prompts: boolean
  readonly #resources: boolean
  readonly #watch: ResourceWatch
  #outbox: Outbox | undefined
  #ended: CloseReason | undefined

  constructor(host: ListenHost, caller: Caller, acknowledged: Acknowledgement) {
    this.principal = caller.principal
    this.#host = host
    this.#id = acknowledged.id
    this.#tools = acknowledged.toolsListChanged === true
    this.#prompts = acknowledged.promptsListChanged === true
    this.#resources = acknowledged.resourcesListChanged === true
    this.#watch = host.watching.watch(caller, this)
  }

  /** From here on nothing is missed: the client is told of it after. @throws HubError as `Watch.add` */
  watch(uris: ReadonlyMap<string, Watched>): void {
    this.#watch.addAll(uris)
  }

  writeInto(outbox: Outbox, frame: Uint8Array): void {
    this.#outbox = outbox
    outbox.push(frame)
    if (this.#ended) this.#finish(outbox, this.#ended)
    else if (outbox.open) this.#host.listens.add(this)
  }

  announce(changed: Changed): void {
    const asked = { tools: this.#tools, prompts: this.#prompts, resources: this.#resources }[changed]
    if (asked) this.#tell(`notifications/${changed}/list_changed`, {})
  }

  /** What is told before the acknowledgement is on its way is kept by nobody: the client has not begun to listen. */
  updated(uri: string): boolean {
    this.#tell('notifications/resources/updated', { uri })
    return true
  }

  /** With a last word: that it is over, and not the connection broken. Idempotent. */
  ended(reason: CloseReason): void {
    if (this.#ended) return
    this.#ended = reason
    this.stop()
    if (this.#outbox) this.#finish(this.#outbox, reason)
  }

  /** Its stream is gone. Idempotent. */
  stop(): void {
    this.#host.listens.remove(this)
    this.#watch.close()
  }

  #tell(method: string, params: Record<string, unknown>): void {
    const _meta = { [SUBSCRIPTION_ID_META_KEY]: this.#id }
    this.#outbox?.push(messageFrame({ jsonrpc: '2.0', method, params: { ...params, _meta } }))
  }

  #finish(outbox: Outbox, reason: CloseReason): void {
    const { name, title, version } = this.#host.server
    const _meta = { [SUBSCRIPTION_ID_META_KEY]: this.#id, [SERVER_INFO_META_KEY]: { name, title, version } }
    outbox.push(messageFrame({ jsonrpc: '2.0', id: this.#id, result: { resultType: 'complete', _meta } }))
    outbox.finish(reason)
  }
}
