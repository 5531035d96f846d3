import * as z from 'zod'
import { grantsDocument, parseGrants } from '../../core/grants.ts'
import type { Principal } from '../../core/principal.ts'
import type { EndNumbers } from '../subscription-request.ts'

const patterns = z.array(z.string())

const definition = z.object({
  principal: z.object({
    id: z.string(),
    credential: z.string(),
    grants: z.object({ publish: patterns, subscribe: patterns, types: patterns.optional(), admin: z.boolean() }),
    expires: z.number().nullable(),
    limited: z.boolean(),
  }),
  url: z.string(),
  name: z.string(),
  arguments: z.record(z.string(), z.unknown()),
  /** Sealed. */
  secret: z.string(),
  /** The one before, which signs as well until then. */
  previous: z.object({ secret: z.string(), until: z.number() }).nullable(),
  /** Milliseconds of the wall clock; `null`: it does not end by itself. */
  expires: z.number().nullable(),
  numbers: z.object({ NotFound: z.int(), Forbidden: z.int(), Unsupported: z.int() }),
  promises: z.array(z.string()),
})

/** A subscription as it is stored. */
export type Definition = z.output<typeof definition> & { numbers: EndNumbers }

/** @throws z.ZodError for what no hub wrote */
export function parseDefinition(text: string): Definition {
  return definition.parse(JSON.parse(text))
}

export function storedPrincipal({ id, credential, grants, expires, limited }: Principal): Definition['principal'] {
  return { id, credential, grants: grantsDocument(grants), expires: expires ?? null, limited }
}

/** As it was recognised then: whether that still counts is asked elsewhere. */
export function principalOf({ grants, expires, ...rest }: Definition['principal']): Principal {
  return { ...rest, grants: parseGrants(grants as Parameters<typeof parseGrants>[0]), expires: expires ?? undefined }
}
