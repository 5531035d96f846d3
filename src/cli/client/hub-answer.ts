import { notOfHub } from './hub-client.ts'

/**
 * What a hub answered with success. Takes the body.
 * @param member one that its document always has
 * @throws CommandFailure: something else answers there, such as the page of a proxy
 */
export async function hubDocument<Document extends object>(
  response: Response,
  member: keyof Document & string,
  parse: (json: string) => unknown = JSON.parse,
): Promise<Document> {
  const text = await response.text()
  const document = parsed(text, parse)
  if (typeof document === 'object' && document !== null && member in document) return document as Document
  throw notOfHub(response, text)
}

function parsed(text: string, parse: (json: string) => unknown): unknown {
  try {
    return parse(text)
  } catch {
    // Not JSON: no hub.
    return undefined
  }
}
