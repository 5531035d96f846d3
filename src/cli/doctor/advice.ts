import type { Front, ProxyKind } from './front.ts'

/** What to change, for whoever it may be: `lines` for those with a recipe, where one line does it. */
export interface Advice {
  general: string
  lines?: Partial<Record<ProxyKind, string>>
  /** Where more is said, instead of the recipe of the proxy. */
  more?: string
}

/** What a person in front of `proxy` has to read of it. */
export function adviceFor({ general, lines, more }: Advice, proxy: Front | undefined): string[] {
  const line = proxy?.kind && lines?.[proxy.kind]
  if (line) return [`${proxy.kind}: ${line}`, `more: ${more ?? `docs/deploy.md#${proxy.kind}`}`]
  // Nobody said who it is: nginx is what most people have.
  const guess = proxy === undefined && lines?.nginx ? [`nginx: ${lines.nginx}`] : []
  return [general, ...guess, ...(more || lines ? [`more: ${more ?? 'docs/deploy.md'}`] : [])]
}

export const ADVICE = {
  buffering: {
    general: 'Turn response buffering off in the proxy for this hub; X-Accel-Buffering: no on each stream asks for it.',
    lines: {
      nginx: 'proxy_buffering off;   and no proxy_ignore_headers X-Accel-Buffering',
      caddy: 'flush_interval -1   in reverse_proxy',
      haproxy: 'no option http-buffer-request, no compression, in this backend',
      traefik: 'no buffering middleware on this router',
    },
  },
  compression: {
    general: 'Leave text/event-stream out of what the proxy compresses.',
    lines: {
      nginx: 'gzip off;   or take text/event-stream out of gzip_types',
      caddy: 'encode { match { not header Content-Type text/event-stream* } }',
      haproxy: 'take text/event-stream out of compression type',
      traefik: 'compress.excludedContentTypes: text/event-stream',
    },
  },
  idleTimeout: {
    general: 'Let the proxy wait for an answer longer than the heartbeat of the hub (stream.heartbeat): 90 s do.',
    lines: {
      nginx: 'proxy_read_timeout 90s;',
      caddy: 'no read_timeout in transport http',
      haproxy: 'timeout server 90s   and timeout client 90s',
      traefik: 'respondingTimeouts.writeTimeout: 0   of the entry point',
    },
  },
  totalTimeout: {
    general: 'The proxy ends requests after a time, however busy they are: take that limit off for streams.',
    lines: {
      caddy: 'no write_timeout in servers { timeouts { … } }',
      traefik: 'respondingTimeouts.writeTimeout: 0   of the entry point',
    },
  },
  authorization: {
    general: 'The proxy has to hand on the header Authorization.',
    lines: {
      nginx: 'proxy_set_header Authorization $http_authorization;',
      caddy: 'no header_up -Authorization, no basic_auth here',
      haproxy: 'no http-request del-header Authorization',
      traefik: 'no basicAuth with removeHeader here',
    },
  },
  lastEventId: {
    general: 'The proxy has to hand on the header Last-Event-ID, or whoever reconnects misses events.',
    lines: {
      nginx: 'no proxy_set_header Last-Event-ID, no proxy_pass_request_headers off',
      caddy: 'no header_up -Last-Event-ID',
      haproxy: 'no http-request del-header Last-Event-ID',
    },
  },
  mcpSession: {
    general: 'The proxy has to hand on Mcp-Session-Id in both directions.',
    lines: {
      nginx: 'no proxy_hide_header Mcp-Session-Id, no proxy_set_header Mcp-Session-Id',
      caddy: 'no header_up or header_down -Mcp-Session-Id',
      haproxy: 'no http-response or http-request del-header Mcp-Session-Id',
    },
  },
  mcpVersion: {
    general: 'The proxy has to hand on the headers MCP-Protocol-Version, Mcp-Method and Mcp-Name.',
    lines: { nginx: 'no proxy_set_header Mcp-…, no proxy_pass_request_headers off' },
  },
  methods: {
    general: 'The proxy has to let GET, POST, DELETE and OPTIONS through to the hub.',
    lines: {
      nginx: 'no limit_except, no if ($request_method …) in this location',
      caddy: 'no matcher of methods on reverse_proxy',
    },
  },
  host: {
    general:
      'The proxy has to hand on the Host that the client sent; or set public_url, and behind two names allowed_hosts.',
    lines: {
      nginx: 'proxy_set_header Host $http_host;',
      caddy: 'no header_up Host {upstream_hostport}',
      haproxy: 'no http-request set-header Host',
      traefik: 'passHostHeader: true   of the service',
    },
  },
  cors: {
    general: 'Take Access-Control-* out of the proxy: the hub sends them, by CORS_ORIGIN.',
    lines: {
      nginx: 'no add_header Access-Control-…',
      caddy: 'no header Access-Control-…',
      haproxy: 'no http-response add-header Access-Control-…',
      traefik: 'no headers middleware with accessControl… on this router',
    },
  },
  preflight: {
    general: 'Let the hub answer OPTIONS; it knows which pages may ask.',
    lines: {
      nginx: 'no limit_except, no if ($request_method = OPTIONS), no auth_basic in this location',
      caddy: 'no respond to OPTIONS, no basic_auth here',
      haproxy: 'no http-request return or deny for METH_OPTIONS',
      traefik: 'no headers middleware with accessControl… on this router',
    },
  },
  size: {
    general: 'Let bodies of 8 MiB through: the hub takes 252 KiB of data an event and 8 MiB a batch.',
    lines: {
      nginx: 'client_max_body_size 8m;',
      caddy: 'request_body { max_size 8MiB }',
      traefik: 'buffering.maxRequestBodyBytes: 0',
    },
  },
  restart: {
    general: 'Have the proxy answer streams with 200, text/event-stream and a retry: line while the hub is away.',
    lines: {
      nginx: 'error_page 500 502 503 504 = @away;   where @away returns 200 "retry: 2000\\n\\n" as text/event-stream',
      caddy: 'handle_errors { respond "retry: 2000" 200 }   with Content-Type text/event-stream',
      haproxy: 'http-error status 503 content-type text/event-stream …   and http-after-response set-status 200',
    },
  },
  http2: {
    general: 'Let the proxy speak HTTP/2: over HTTP/1.1 a browser has six connections to one host, for all its tabs.',
    lines: {
      nginx: 'http2 on;   (before 1.25.1: listen 443 ssl http2;)',
      haproxy: 'bind :443 ssl crt … alpn h2,http/1.1',
    },
  },
  cacheControl: {
    general: 'Let the proxy leave Cache-Control and Content-Type as the hub sends them.',
    lines: { nginx: 'no expires and no add_header Cache-Control in this location', caddy: 'no header Cache-Control' },
  },
  closed: {
    general:
      'Give the hub a key (MCP_SSE_AUTH_KEY, mcp-sse key new), or keep the world out in the proxy; no --auth-open here.',
    more: 'docs/security.md',
  },
} satisfies Record<string, Advice>
