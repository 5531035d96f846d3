import type { CallToolResult, InputRequiredResult, ToolAnnotations } from '@modelcontextprotocol/server'
import * as z from 'zod'
import { HubError } from '../../core/errors.ts'
import type { Grants } from '../../core/grants.ts'
import { didYouMean, quoted } from '../../core/suggest.ts'
import type { Asking } from '../asking.ts'
import type { Tool } from './catalogue.ts'
import { toolResult } from './tool-result.ts'

export interface ToolPlan<Input extends z.ZodObject, Output extends z.ZodObject> {
  name: string
  title: string
  /** For a model that has never seen the hub: what it does, when to use it, what comes back. */
  description: string
  input: Input
  output: Output
  annotations: ToolAnnotations
  offered(grants: Grants): boolean
  run(input: z.output<Input>, asking: Asking): Promise<ToolResult<z.output<Output>>>
}

export interface ToolResult<Content> {
  structured: Content
  /** What is said besides: links to resources. */
  links?: { uri: string; name: string; description?: string }[]
}

type JsonSchema = Tool['definition']['inputSchema']

/** A tool of the hub: its schemas made once, its input checked against them, its result said twice (text and structured). */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(plan: ToolPlan<Input, Output>): Tool {
  const { name, title, description, annotations } = plan
  return {
    definition: {
      name,
      title,
      description,
      inputSchema: schemaOf(plan.input, 'input'),
      outputSchema: schemaOf(plan.output, 'output'),
      annotations: { title, ...annotations },
    },
    offered: plan.offered,
    async call(input, asking): Promise<CallToolResult | InputRequiredResult> {
      requireBounded(plan, input)
      const checked = plan.input.safeParse(input ?? {}, { reportInput: true })
      if (!checked.success) throw badInput(plan, checked.error)
      return toolResult(await plan.run(checked.data, asking), asking)
    },
  }
}

/** zod writes the bounds of safe integers where a schema has none: noise for a model. */
function schemaOf(schema: z.ZodObject, io: 'input' | 'output'): JsonSchema {
  return z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
    },
  }) as JsonSchema
}

const MOST_ARGUMENTS = 64
const MOST_ITEMS = 1000
const MOST_TEXT_BYTES = 64 * 1024
/** The argument that has bounds of its own. */
const DATA = 'data'

/** zod makes an issue of every name and every item that is wrong: 150,000 took 0.58 s. @throws HubError `invalid-arguments` */
function requireBounded({ name, input }: { name: string; input: z.ZodObject }, given: unknown): void {
  if (typeof given !== 'object' || given === null) return
  if (Object.keys(given).length > MOST_ARGUMENTS) {
    throw new HubError('invalid-arguments', `${name} takes at most ${MOST_ARGUMENTS} arguments; send those it has.`)
  }
  for (const field of Object.keys(input.shape)) {
    if (field === DATA) continue
    const value = (given as Record<string, unknown>)[field]
    const pointer = `/${field}`
    if (Array.isArray(value)) {
      if (value.length > MOST_ITEMS) {
        throw new HubError('invalid-arguments', `${field} has more than ${MOST_ITEMS} items; send fewer.`, { pointer })
      }
      for (const item of value) requireBoundedText(item, field)
    } else requireBoundedText(value, field)
  }
}

function requireBoundedText(value: unknown, field: string): void {
  if (typeof value !== 'string' || value.length * 3 <= MOST_TEXT_BYTES) return
  if (value.length <= MOST_TEXT_BYTES && Buffer.byteLength(value) <= MOST_TEXT_BYTES) return
  const sentence = `${field} has a text of more than ${MOST_TEXT_BYTES} bytes; send a shorter one.`
  throw new HubError('invalid-arguments', sentence, { pointer: `/${field}` })
}

const MOST_SAID = 3

/** @returns a sentence a model can correct its call by */
function badInput({ name, input }: { name: string; input: z.ZodObject }, { issues }: z.ZodError): HubError {
  const fields = Object.keys(input.shape)
  const said = issues.slice(0, MOST_SAID).map((issue) => sentenceOf(issue, fields))
  const more = issues.length > MOST_SAID ? ` And ${issues.length - MOST_SAID} more.` : ''
  const path = issues[0]?.path ?? []
  return new HubError(
    'invalid-arguments',
    `The arguments of ${name} are not as its schema says. ${said.join(' ')}${more}`,
    { pointer: path.length > 0 ? `/${path.join('/')}` : undefined },
  )
}

/** Names of the caller's own are quoted and cut: they would come back as the answer. */
function sentenceOf(issue: z.core.$ZodIssue, fields: readonly string[]): string {
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys
    const there = fields.length > 0 ? ` It has ${fields.join(', ')}.` : ' It has none.'
    return `There is no argument ${quoted(key)}.${didYouMean(key, fields) || there}`
  }
  const field = issue.path.join('.') || 'arguments'
  return issue.input === undefined ? `${field} is missing.` : `${field}: ${issue.message}.`
}
