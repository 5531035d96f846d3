import { Elysia, type ElysiaConfig } from 'elysia'
import { NOBODY, type Visitor } from '../auth/access.ts'

/** Until the gate has looked. No handler sees it. */
const UNSEEN: Visitor = Object.freeze({ principal: NOBODY, state: {}, unavailable: undefined })

/** The part of Elysia's context the gate and its like need; 1.4.30 declares `onRequest` hooks without decorators. */
export interface Visited {
  visitor: Visitor
}

/** A plugin whose handlers get the `visitor` the gate recognised, as a property of Elysia's context from its making on. */
export function visited(name: string, config: Pick<ElysiaConfig<''>, 'handler' | 'serve'> = {}) {
  return new Elysia({ name, ...config }).decorate('visitor', UNSEEN)
}
