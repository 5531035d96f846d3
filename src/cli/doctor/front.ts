/** Those that `docs/deploy.md` has a recipe for. */
export const PROXIES = ['nginx', 'caddy', 'haproxy', 'traefik'] as const

export type ProxyKind = (typeof PROXIES)[number]

/** Who answered in front of the hub, as far as its headers tell. */
export interface Front {
  /** `undefined`: one without a recipe, or one that does not say who it is. */
  kind: ProxyKind | undefined
  /** As it calls itself. */
  name: string
}

/** By `Server` and `Via`, which the hub itself never sends; `undefined` when neither is there. HAProxy and Traefik send none. */
export function frontBy(headers: Headers): Front | undefined {
  const names = [headers.get('server'), headers.get('via')].filter((name) => name !== null)
  const name = names.join(', ').slice(0, 100)
  if (!name) return undefined
  const kind = PROXIES.find((one) => name.toLowerCase().includes(one))
  // It is nginx by another name.
  if (!kind && /openresty|tengine/i.test(name)) return { kind: 'nginx', name }
  return { kind, name }
}
