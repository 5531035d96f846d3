import * as z from 'zod'
import { apiKeys, bearerKey, claimText, cookieName, keySet, signingSecrets } from './credential-value.ts'
import { eventTypes } from './event-type-value.ts'
import { forwards, hostNames } from './forward-value.ts'
import { hostHeaders, hosts, origins, publicUrl, ranges } from './network-value.ts'
import { boolean, choice, duration, integer, type KeyMeta, path, pattern, patterns, size, tables } from './value.ts'

const SECOND = 1000
const DAY = 86_400_000
const KIB = 1024
const MIB = 1024 * KIB
/** Timers of JavaScript hold 31 bits of milliseconds. */
const LONGEST_TIMER = 24 * DAY

/** What a key's own lines add to what its kind of value already knows. */
type About = Pick<KeyMeta, 'description' | 'defaultText' | 'example' | 'env' | 'reloads'>

function key<Schema extends z.ZodType>(value: Schema, initial: string | readonly string[], about: About) {
  const text = typeof initial === 'string' ? initial : initial.join(',')
  return value.prefault(text as never).meta({ ...value.meta(), ...about, default: text })
}

/** A key whose default is made when the start knows its machine, or that has none. */
function unset<Schema extends z.ZodType>(value: Schema, about: About) {
  return value.optional().meta({ ...value.meta(), ...about })
}

const retentionMaxAge = duration({ min: SECOND, max: 36_500 * DAY })
const retentionMaxEvents = integer({ min: 1, max: 1_000_000_000_000 })
const retentionMaxBytes = size({ min: MIB, max: 2 ** 50 })

/** Every key there is. Defaults, checks, flags, the sample file and the documentation are all made from this. */
export const configSchema = z.strictObject({
  port: key(integer({ min: 0, max: 65_535 }), '3000', {
    description: 'TCP port to listen on; 0 takes a free one and says which.',
    env: 'PORT',
  }),
  host: key(hosts(), ['127.0.0.1', '::1'], {
    description:
      'Addresses to listen on. Others than loopback can be reached from other machines and need credentials (`auth`).',
    env: 'HOST',
  }),
  cors_origin: unset(origins(), {
    description:
      'Origins whose pages may read and publish; * lets every page read what needs no credential. A page that sends a token needs no entry.',
    defaultText: 'pages on this machine; with credentials those that send one',
    example: '["https://app.example"]',
    env: 'CORS_ORIGIN',
    reloads: true,
  }),
  public_url: unset(publicUrl(), {
    description:
      'Where clients find the hub when that is behind a proxy. Its host is answered to, tickets link to it, and with `auth.jwt.issuer` tokens may be for it: this address, or this and `/mcp`.',
    defaultText: 'as each request names it',
    example: '"https://events.example"',
    reloads: true,
  }),
  allowed_hosts: unset(hostHeaders(), {
    description:
      'More names by which the hub is asked, besides those of this machine and of `public_url`. Counts without credentials only: other names are refused then, because a page can point its own name here.',
    defaultText: 'none',
    example: '["events.lan", "hub.internal:3000"]',
    reloads: true,
  }),
  data_dir: unset(path(), {
    description: 'Directory of the event log; one process at a time uses it.',
    defaultText: 'from source `./data`; the executable `$STATE_DIRECTORY`, else `mcp-sse` in the user’s data directory',
    example: '"/var/lib/mcp-sse"',
    env: 'DATA_DIR',
  }),
  log_level: key(choice(['debug', 'info', 'warn', 'error']), 'info', {
    description:
      'The least severe lines written to stderr while it runs. info has one for every stream that ends, debug one for every refused request.',
    env: 'LOG_LEVEL',
    reloads: true,
  }),
  log_format: key(choice(['auto', 'text', 'json']), 'auto', {
    description:
      'How they are written: text for people, json for programs (one object a line), auto = text on a terminal and in the journal of systemd, else json.',
    reloads: true,
  }),
  durability: key(choice(['full', 'normal', 'memory']), 'full', {
    description:
      'When a publish is answered: full = after fsync, survives a power cut; normal = written, survives a crash of the process; memory = nothing is kept on disk.',
  }),
  event_types: key(eventTypes(), '[]', {
    description:
      'Kinds of events that agents are told of and may ask for (MCP Events): data published to a topic and type of one has to fit its `payload_schema` (JSON Schema 2020-12, of type object), and each of `filters` is an argument compared with one place in the data.',
    example:
      '[{ name = "build.finished", description = "A build has ended.", topic = "builds/**", type = "build.finished", payload_schema = { type = "object", required = ["branch"], properties = { branch = { type = "string" } } }, filters = { branch = "/branch" } }]',
  }),
  forward: key(forwards(), '[]', {
    description:
      'Where events are sent on to by the hub itself, each by one POST that is tried again until it is taken: `topic` is a pattern or a list of them, `body` a template, `secret` (whsec_…) signs, `bearer` is sent, `private` admits http and addresses of the own machine and network, `at_once` (1) is how many may be under way: with one they arrive in order. `secret_file` and `bearer_file` name files with them.',
    example:
      '[{ name = "chat", topic = "alerts/**", url = "https://chat.example/hooks/1", body = \'{"text": "{{topic}}: {{data}}"}\' }]',
    reloads: true,
  }),
  tls: z.strictObject({
    cert: unset(path(), {
      description:
        'PEM file with the certificate of the hub, its own first and then those that lead to its authority: the port then speaks https and nothing else. Needs `tls.key`. The files are read again by a reload; whether there is TLS is a matter of the start.',
      defaultText: 'none: plain http',
      example: '"/etc/mcp-sse/tls/fullchain.pem"',
      reloads: true,
    }),
    key: unset(path(), {
      description: 'PEM file with its private key, not encrypted.',
      defaultText: 'none',
      example: '"/etc/mcp-sse/tls/privkey.pem"',
      reloads: true,
    }),
  }),
  retention: z.strictObject({
    max_age: key(retentionMaxAge, '7d', { description: 'Events older than this are dropped.', reloads: true }),
    max_events: key(retentionMaxEvents, '1000000', {
      description: 'Only this many newest events are kept.',
      reloads: true,
    }),
    max_bytes: key(retentionMaxBytes, '1GiB', {
      description: 'Only the newest events of this many bytes are kept.',
      reloads: true,
    }),
    topics: key(
      tables(
        z.strictObject({
          pattern: pattern(),
          max_age: retentionMaxAge.optional(),
          max_events: retentionMaxEvents.optional(),
          max_bytes: retentionMaxBytes.optional(),
        }),
        { allowed: 'a list of at most 64 tables {pattern, max_age, max_events, max_bytes}', maximum: 64 },
      ),
      '[]',
      {
        description:
          'Limits of their own for topics that match a pattern; the first match wins, what a table leaves out is as above. A chatty topic with its own limits never pushes out the events of others.',
        example: '[{ pattern = "sensors/**", max_age = "1h", max_events = 10000 }]',
      },
    ),
  }),
  stream: z.strictObject({
    heartbeat: key(duration({ min: 100, max: LONGEST_TIMER }), '15s', {
      description:
        'Quiet time after which a stream is sent a sign of life. Keep it below the idle timeout of every proxy.',
      reloads: true,
    }),
    max_age: key(duration({ min: SECOND, max: LONGEST_TIMER }), '30m', {
      description: 'Age at which a stream is ended (a little earlier or later for each) and the client resumes.',
      reloads: true,
    }),
    max_queue: key(size({ min: 64 * KIB, max: 2 ** 30 }), '1MiB', {
      description: 'Bytes that wait for one reader; one that falls further behind is served from the log again.',
      reloads: true,
    }),
    max_stall: key(duration({ min: 100, max: LONGEST_TIMER }), '30s', {
      description: 'A reader that has taken nothing for this long is cut off.',
      reloads: true,
    }),
    retry: key(duration({ min: 10, max: LONGEST_TIMER }), '2s', {
      description: 'How long clients are told to wait before they reconnect (spread a little for each).',
      reloads: true,
    }),
  }),
  auth: z.strictObject({
    open: key(boolean(), 'false', {
      description:
        'Everyone who can reach the hub may publish, read and erase, also from other machines and through proxies. Only without credentials.',
    }),
    key: unset(bearerKey(), {
      description: 'One key that may do everything, sent as `Authorization: Bearer`.',
      defaultText: 'none',
      reloads: true,
    }),
    make_key: key(boolean(), 'false', {
      description:
        'When nothing else is a credential, the first start makes a key that may do everything and prints it, once; `DATA_DIR/first-key.sha256` holds what proves it. `mcp-sse key revoke first-key` ends it, after which one is made again if nothing else is a credential.',
      reloads: true,
    }),
    keys: key(apiKeys(), '[]', {
      description:
        'Keys that may do what their patterns say. `mcp-sse key new` makes them; the hub keeps only what proves them.',
      example: `[{ name = "ci", sha256 = "${'0'.repeat(64)}", publish = ["builds/**"], expires = "2030-01-01" }]`,
      reloads: true,
    }),
    anonymous: z.strictObject({
      publish: unset(patterns(), {
        description: 'Topics that anyone may publish to without a credential, once there are credentials.',
        defaultText: 'none',
        example: '["feedback"]',
        reloads: true,
      }),
      subscribe: unset(patterns(), {
        description: 'Topics that anyone, and every page, may read without a credential, once there are credentials.',
        defaultText: 'none',
        example: '["public/**"]',
        reloads: true,
      }),
    }),
    jwt: z.strictObject({
      secret: unset(signingSecrets(), {
        description: 'Secrets of tokens signed with HS256: the first signs (`mcp-sse token new`), all verify.',
        defaultText: 'none',
        reloads: true,
      }),
      jwks: unset(keySet(), {
        description:
          'The public keys of the issuer of tokens (JWKS). Needs `auth.jwt.issuer`, and `auth.jwt.audience` or `public_url`.',
        defaultText: 'none',
        example: '"https://login.example/.well-known/jwks.json"',
        reloads: true,
      }),
      issuer: unset(claimText('the text of the claim iss'), {
        description:
          'Tokens must have been issued by this one. An http(s) URL is also where clients are sent for them (OAuth): `/.well-known/oauth-protected-resource` names it.',
        defaultText: 'not checked',
        example: '"https://login.example"',
        reloads: true,
      }),
      audience: unset(claimText('one text of the claim aud'), {
        description: 'Tokens must be meant for this one, or for `public_url` when that and `auth.jwt.issuer` are set.',
        defaultText: '`public_url` for tokens of `auth.jwt.jwks`; not checked for those of `auth.jwt.secret`',
        example: '"events"',
        reloads: true,
      }),
      claim: key(claimText('the name of a claim'), 'events', {
        description:
          'The claim with what the bearer may do: {"publish": […], "subscribe": […], "types": […], "admin": …}.',
        reloads: true,
      }),
      cookie: unset(cookieName(), {
        description: 'The cookie that may hold a token, for pages of this origin and of those in CORS_ORIGIN.',
        defaultText: 'none',
        example: '"__Host-events"',
        reloads: true,
      }),
    }),
  }),
  limits: z.strictObject({
    connections: unset(integer({ min: 1, max: 1_000_000 }), {
      description: 'Streams open at the same time.',
      defaultText: '0.8 × the descriptor limit, at most 10000',
      example: '10000',
      reloads: true,
    }),
    connections_per_principal: key(integer({ min: 1, max: 1_000_000 }), '100', {
      description:
        'Streams open at the same time for one key or token subject; without a credential this does not count.',
      reloads: true,
    }),
    connections_per_address: key(integer({ min: 1, max: 1_000_000 }), '1000', {
      description:
        'Streams open at the same time from one address (IPv6: one /64); this machine and trusted proxies do not count.',
      reloads: true,
    }),
    publish_rate: key(integer({ min: 1, max: 1_000_000 }), '1000', {
      description:
        'Events a second that one key or token subject may publish, five times that at once; without a credential this does not count.',
      reloads: true,
    }),
    trusted_proxies: key(ranges(), ['127.0.0.0/8', '::1'], {
      description: 'Proxies whose X-Forwarded-For and Forwarded say who the client is; nobody else is believed.',
      reloads: true,
    }),
    mcp_sessions: key(integer({ min: 1, max: 1_000_000 }), '4096', {
      description:
        'MCP sessions (versions up to 2025-11-25) at the same time, a quarter of them of one key, token subject or all callers without a credential. Clients often leave without a word, so most are idle; each costs about 25 KiB.',
      reloads: true,
    }),
    mcp_sessions_per_principal: key(integer({ min: 1, max: 1_000_000 }), '256', {
      description:
        'The same for one key or token subject; the one idle longest makes room. Without a credential this does not count.',
      reloads: true,
    }),
    webhooks: key(integer({ min: 1, max: 100_000 }), '10000', {
      description: 'Webhook subscriptions (MCP Events) at the same time.',
      reloads: true,
    }),
    webhooks_per_principal: key(integer({ min: 1, max: 100_000 }), '100', {
      description: 'The same for one key or token subject; without a credential this does not count.',
      reloads: true,
    }),
    pending_bytes: key(size({ min: 8 * MIB, max: 2 ** 34 }), '32MiB', {
      description: 'Bytes of events accepted and not yet durable; above that publishers are told to come back.',
      reloads: true,
    }),
  }),
  mcp: z.strictObject({
    session_idle: key(duration({ min: SECOND, max: LONGEST_TIMER }), '1h', {
      description:
        'An MCP session nobody has used for this long is forgotten; its client is told by 404 and has to connect again (`mcp-sse stdio` does by itself). Agents pause for minutes: keep it long.',
      reloads: true,
    }),
    events: z.strictObject({
      profile: key(choice(['auto', 'sep', 'sketch']), 'auto', {
        description:
          'Numbers of the errors of MCP Events: sep = those of SEP-3415, sketch = those of before it, auto = sep for clients that declare the extension, as SEP-3415 wants it, and sketch for the others.',
        reloads: true,
      }),
    }),
  }),
  webhooks: z.strictObject({
    allow_loopback: key(boolean(), 'false', {
      description:
        'Lets webhook subscriptions have callbacks on this machine (http://127.0.0.1, http://[::1], localhost), for trying things out: whoever may subscribe can then reach what listens here.',
      reloads: true,
    }),
    events_only: key(hostNames(), ['connectors.api.openai.com'], {
      description:
        'Hosts of callbacks that are sent events and verification and no `gap` and `terminated`, which they do not know.',
      reloads: true,
    }),
  }),
  drain: z.strictObject({
    delay: key(duration({ min: 0, max: 600 * SECOND }), '0s', {
      description: 'How long a stop waits, already answering "not ready", before it closes streams.',
      reloads: true,
    }),
    timeout: key(duration({ min: 0, max: 600 * SECOND }), '10s', {
      description: 'How long a stop waits for streams and requests to end before it cuts them.',
      reloads: true,
    }),
  }),
})

/** Values by the names of the file, as parsed: durations in milliseconds, sizes in bytes. */
export type Settings = z.output<typeof configSchema>
