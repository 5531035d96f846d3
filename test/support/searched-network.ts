import { expectsSecret, inspect, inspectStream, registerIfLong } from './secrets.ts'

/** From now on every answer that `fetch` or `Bun.connect` of this process receives is searched for secrets. */
export function searchNetwork(): void {
  globalThis.fetch = searchedFetch(globalThis.fetch)
  const connect = Bun.connect
  const searched = (options: Parameters<typeof connect>[0]) => connect(searchedSocket(options))
  Bun.connect = searched as typeof connect
}

function searchedFetch(original: typeof fetch): typeof fetch {
  const searched = async (...[input, init]: Parameters<typeof fetch>): Promise<Response> => {
    const place = describe(input, init)
    return watched(await original(input, init), place)
  }
  return Object.assign(searched, original)
}

/** Registers the credentials of a request. @returns `POST /tickets`: what a find calls it, without its query */
function describe(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): string {
  const request = input instanceof Request ? input : undefined
  const method = init?.method ?? request?.method ?? 'GET'
  const url = URL.parse(request?.url ?? String(input))
  const place = `${method} ${url?.pathname.slice(0, 80)}`
  const headers = new Headers(init?.headers ?? request?.headers)
  registerIfLong(headers.get('authorization')?.replace(/^\S+\s+/, ''), `Authorization of ${place}`)
  for (const cookie of headers.get('cookie')?.split(';') ?? []) {
    registerIfLong(cookie.slice(cookie.indexOf('=') + 1).trim(), `a cookie of ${place}`)
  }
  for (const name of ['ticket', 'key']) registerIfLong(url?.searchParams.get(name), `?${name}= of ${place}`)
  return place
}

/**
 * The response itself, not a copy: its stream is the one the runtime reads from the socket, with its pace and its
 * cancellation. Only what the test takes from it is looked at on the way. (`new Response(response.body)` is not seen.)
 */
function watched(response: Response, place: string): Response {
  if (!(response instanceof Response)) return response
  const look = (content: string | Uint8Array): void => {
    if (!expectsSecret(response)) inspect(`${place}, body of the answer`, content)
  }
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n')
  inspect(`${place}, headers of the answer`, lines)
  const { text, bytes, arrayBuffer, blob, clone } = response
  const looked = <Content>(take: () => Promise<Content>, see: (content: Content) => void | Promise<void>) =>
    async function lookedAt(): Promise<Content> {
      const content = await take.call(response)
      await see(content)
      return content
    }
  const searchedText = looked(text, look)
  replace(response, {
    text: searchedText,
    bytes: looked(bytes, look),
    arrayBuffer: looked(arrayBuffer, (buffer) => look(new Uint8Array(buffer as ArrayBuffer))),
    blob: looked(blob, async (content) => look(await (content as Blob).bytes())),
    json: async () => new Response(await searchedText()).json(),
    clone: () => watched(clone.call(response), place),
  })
  let body: ReadableStream<Uint8Array> | null | undefined
  Object.defineProperty(response, 'body', {
    configurable: true,
    get: () => {
      if (body === undefined) {
        body = Object.getOwnPropertyDescriptor(Response.prototype, 'body')!.get!.call(response) as typeof body & {}
        if (body) searchedStream(body, `${place}, body of the answer`, () => expectsSecret(response))
      }
      return body
    },
  })
  return response
}

/** Whoever reads `stream` (its reader, `for await`, a pipe, `tee`) has what comes searched. @returns the same stream */
export function searchedStream(
  stream: ReadableStream<Uint8Array>,
  place: string,
  expected: () => boolean = () => false,
): ReadableStream<Uint8Array> {
  const search = inspectStream(place)
  const look = (chunk: Uint8Array | undefined): void => {
    if (chunk && !expected()) search(chunk)
  }
  const { getReader, pipeThrough, pipeTo, tee, values } = stream
  const iterate = async function* (options?: { preventCancel?: boolean }) {
    for await (const chunk of values.call(stream, options)) {
      look(chunk)
      yield chunk
    }
  }
  const throughSearch = () =>
    pipeThrough.call(
      stream,
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          look(chunk)
          controller.enqueue(chunk)
        },
      }),
    ) as ReadableStream<Uint8Array>
  replace(stream, {
    getReader: (...options: unknown[]) => {
      const reader = Reflect.apply(getReader, stream, options) as ReadableStreamDefaultReader<Uint8Array>
      const { read } = reader
      replace(reader, {
        read: async (...views: unknown[]) => {
          const result = await (Reflect.apply(read, reader, views) as ReturnType<typeof read>)
          look(result.value)
          return result
        },
      })
      return reader
    },
    values: iterate,
    [Symbol.asyncIterator]: iterate,
    pipeThrough: (...pipe: Parameters<typeof pipeThrough>) => throughSearch().pipeThrough(...pipe),
    pipeTo: (...pipe: Parameters<typeof pipeTo>) => throughSearch().pipeTo(...pipe),
    tee: () => tee.call(stream).map((branch) => searchedStream(branch, place, expected)),
  })
  return stream
}

function searchedSocket(options: Parameters<typeof Bun.connect>[0]): Parameters<typeof Bun.connect>[0] {
  const look = inspectStream('what a socket received')
  const { data } = options.socket
  if (!data || expectsSecret(options)) return options
  return {
    ...options,
    socket: {
      ...options.socket,
      data(socket: Parameters<typeof data>[0], bytes: Parameters<typeof data>[1]) {
        look(bytes)
        return data.call(this as unknown as typeof options.socket, socket, bytes)
      },
    },
  } as Parameters<typeof Bun.connect>[0]
}

/** Own properties, so that what the runtime does inside goes on as it is. */
function replace(target: object, methods: Record<PropertyKey, unknown>): void {
  for (const name of Reflect.ownKeys(methods)) {
    Object.defineProperty(target, name, { value: methods[name], configurable: true, writable: true })
  }
}
