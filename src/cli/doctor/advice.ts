import type { Front, ProxyKind } from './front.ts'

/** What one proxy needs. Whoever does all of it, and nothing else, has done enough. */
export interface Change {
  /** Whole lines, right as they stand, each in place of one of the same name. */
  set?: readonly string[]
  /** Where they belong, as in `in location`. */
  where?: string
  /** What lines that have to go begin with. */
  out?: readonly string[]
}

/** What to change, for whoever it may be. */
export interface Advice {
  general: string
  /** For those with a recipe, where that is less than the recipe. */
  changes?: Partial<Record<ProxyKind, Change>>
  /** The recipe of the proxy has it, and it takes all of the recipe's parts of it. */
  recipe?: true
  /** Where more is said, instead of the recipe of the proxy. */
  more?: string
}

/** What a person in front of `proxy` has to read of it. */
export function adviceFor({ general, changes, recipe, more }: Advice, proxy: Front | undefined): string[] {
  const place = more ?? (changes || recipe ? recipeFor(proxy?.kind) : undefined)
  const last = place ? [`more: ${place}`] : []
  // Nobody said who it is: nginx is what most people have.
  const kind = proxy === undefined ? 'nginx' : proxy.kind
  const change = kind && changes?.[kind]
  if (!kind || !change) return [general, ...last]
  const lines = said(change).map((line) => `${kind}: ${line}`)
  return [...(proxy === undefined ? [general] : []), ...lines, ...last]
}

function recipeFor(kind: ProxyKind | undefined): string {
  if (kind) return `mcp-sse doctor --recipe ${kind}   prints the whole (docs/deploy.md#${kind})`
  return 'mcp-sse doctor --recipe nginx   prints a whole one; so do caddy, haproxy and traefik (docs/deploy.md)'
}

function said({ set = [], where, out = [] }: Change): string[] {
  const away = out.length > 0 ? [`take out ${out.join(' and ')}`] : []
  return [...set.map((line) => (where ? `${line}   ${where}` : line)), ...away]
}

const LOCATION = '# in location'
/** One proxy_set_header in a location takes the place of all that stand outside of it. */
const HEADERS = '# beside the other proxy_set_header'

export const ADVICE = {
  buffering: {
    general: 'Turn response buffering off in the proxy for this hub; X-Accel-Buffering: no on each stream asks for it.',
    changes: {
      nginx: { set: ['proxy_buffering off;'], where: LOCATION },
      caddy: { set: ['flush_interval -1'], where: '# in reverse_proxy' },
      traefik: { out: ['the buffering middleware'] },
    },
  },
  compression: {
    general: 'Leave text/event-stream out of what the proxy compresses.',
    changes: {
      nginx: { set: ['gzip off;'], where: LOCATION },
      caddy: { out: ['encode'] },
      haproxy: { out: ['compression'] },
      traefik: { out: ['the compress middleware'] },
    },
  },
  idleTimeout: {
    general: 'Let the proxy wait for an answer longer than the heartbeat of the hub (stream.heartbeat): 90 s do.',
    changes: {
      nginx: { set: ['proxy_read_timeout 90s;'], where: LOCATION },
      caddy: { out: ['read_timeout in transport http'] },
      haproxy: { set: ['timeout server 90s', 'timeout client 90s'], where: '# in defaults' },
      traefik: { out: ['respondingTimeouts.writeTimeout of the entry point'] },
    },
  },
  totalTimeout: {
    general: 'The proxy ends requests after a time, however busy they are: take that limit off for streams.',
    changes: {
      caddy: { out: ['the write timeout of servers'] },
      traefik: { out: ['respondingTimeouts.writeTimeout of the entry point'] },
    },
  },
  authorization: {
    general: 'The proxy has to hand on the header Authorization.',
    changes: {
      nginx: { set: ['proxy_set_header Authorization $http_authorization;'], where: HEADERS },
      caddy: { out: ['header_up -Authorization'] },
      haproxy: { out: ['http-request del-header Authorization'] },
    },
  },
  password: {
    general: 'Take the password out for the hub: it asks for keys itself, in the same header.',
    changes: {
      nginx: { set: ['auth_basic off;'], where: LOCATION },
      caddy: { out: ['basicauth', 'basic_auth'] },
      haproxy: { out: ['http-request auth'] },
      traefik: { out: ['the basicAuth middleware'] },
    },
  },
  lastEventId: {
    general: 'The proxy has to hand on the header Last-Event-ID, or whoever reconnects misses events.',
    changes: {
      nginx: { set: ['proxy_set_header Last-Event-ID $http_last_event_id;'], where: HEADERS },
      caddy: { out: ['header_up -Last-Event-ID'] },
      haproxy: { out: ['http-request del-header Last-Event-ID'] },
    },
  },
  mcpSession: {
    general: 'The proxy has to hand on Mcp-Session-Id in both directions.',
    changes: {
      nginx: {
        set: ['proxy_set_header Mcp-Session-Id $http_mcp_session_id;', 'proxy_pass_header Mcp-Session-Id;'],
        where: HEADERS,
      },
      caddy: { out: ['header_up -Mcp-Session-Id', 'header_down -Mcp-Session-Id'] },
      haproxy: { out: ['http-request del-header Mcp-Session-Id', 'http-response del-header Mcp-Session-Id'] },
    },
  },
  mcpVersion: {
    general: 'The proxy has to hand on the headers MCP-Protocol-Version, Mcp-Method and Mcp-Name.',
    changes: {
      nginx: {
        set: [
          'proxy_set_header MCP-Protocol-Version $http_mcp_protocol_version;',
          'proxy_set_header Mcp-Method $http_mcp_method;',
          'proxy_set_header Mcp-Name $http_mcp_name;',
        ],
        where: HEADERS,
      },
    },
  },
  methods: {
    general: 'The proxy has to let GET, POST, DELETE and OPTIONS through to the hub.',
    changes: { nginx: { out: ['limit_except', 'if ($request_method'] } },
  },
  host: {
    general:
      'The proxy has to hand on the Host that the client sent; or set public_url, and behind two names allowed_hosts.',
    changes: {
      nginx: { set: ['proxy_set_header Host $http_host;'], where: HEADERS },
      caddy: { out: ['header_up Host'] },
      haproxy: { out: ['http-request set-header Host'] },
      traefik: { set: ['passHostHeader: true'], where: '# of the loadBalancer' },
    },
  },
  /** Said in one way wherever it is met. */
  path: {
    general: 'A path in front of a hub is not supported: give it a host name of its own.',
    more: 'docs/deploy.md#under-a-path',
  },
  cors: {
    general: 'Take Access-Control-* out of the proxy: the hub sends them, by CORS_ORIGIN.',
    changes: {
      nginx: { out: ['add_header Access-Control-', 'proxy_hide_header Access-Control-', 'if ($request_method'] },
      caddy: { out: ['header Access-Control-'] },
      haproxy: { out: ['http-response add-header Access-Control-', 'http-response set-header Access-Control-'] },
      traefik: { out: ['accessControl… of the headers middleware'] },
    },
  },
  preflight: {
    general: 'Let the hub answer OPTIONS; it knows which pages may ask.',
    changes: {
      nginx: { out: ['limit_except', 'if ($request_method', 'auth_basic'] },
      caddy: { out: ['respond for OPTIONS', 'basicauth', 'basic_auth'] },
      haproxy: { out: ['http-request return for METH_OPTIONS', 'http-request deny for METH_OPTIONS'] },
      traefik: { out: ['accessControl… of the headers middleware'] },
    },
  },
  size: {
    general: 'Let bodies of 8 MiB through: the hub takes 252 KiB of data an event and 8 MiB a batch.',
    changes: {
      nginx: { set: ['client_max_body_size 8m;'], where: '# in server' },
      caddy: { set: ['request_body {', '  max_size 8MiB', '}'] },
      traefik: { out: ['maxRequestBodyBytes of the buffering middleware'] },
    },
  },
  restart: {
    general:
      'Have the proxy answer streams with 200 and a retry: line while the hub is away, as the recipe does it: streams and nothing else, or publishers are told 200 for what is lost.',
    recipe: true,
  },
  upstream: {
    general: 'Start the hub, and check the address and port that the proxy sends to.',
    recipe: true,
  },
  http2: {
    general: 'Let the proxy speak HTTP/2: over HTTP/1.1 a browser has six connections to one host, for all its tabs.',
    recipe: true,
  },
  cacheControl: {
    general: 'Let the proxy leave Cache-Control and Content-Type as the hub sends them.',
    changes: {
      nginx: { out: ['expires', 'add_header Cache-Control', 'proxy_hide_header Cache-Control'] },
      caddy: { out: ['header Cache-Control'] },
    },
  },
  closed: {
    general:
      'Give the hub a key (MCP_SSE_AUTH_KEY, mcp-sse key new), or keep the world out in the proxy; no --auth-open here.',
    more: 'docs/security.md',
  },
  anonymous: {
    general: 'Take auth.anonymous.publish out of the settings, or name in it only what the whole world is to write to.',
    more: 'docs/security.md',
  },
} satisfies Record<string, Advice>
