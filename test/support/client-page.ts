import type { BrowserContext, Page } from 'playwright-core'
import type { ConnectOptions, EventStream, HubEvent } from '../../src/page/client-module/client.d.ts'
import { until } from './until.ts'

/** A browser that others leave little of the machine to reconnects late: 1, 2, 4, … seconds pass between its tries. */
const DEADLINE_MS = 60_000

/** What a page was told, in order. */
export interface Told {
  events: HubEvent[]
  gaps: { requested: string; resumedFrom: string; reason: string }[]
  states: { name: string; detail: Record<string, unknown> }[]
}

declare global {
  interface Window {
    told: Told
    stream: EventStream
    /** Tickets that were asked for. */
    asked: number
  }
}

/** Options that can travel into a page. */
export type ClientPageOptions = Pick<
  ConnectOptions,
  'url' | 'topics' | 'types' | 'since' | 'last' | 'share' | 'withCredentials'
> & {
  /** Where the page's own site gives tickets. */
  tickets?: string
}

/** A page of the site at `site` that follows a hub with the hub's own `/client.js`. */
export class ClientPage {
  readonly page: Page

  private constructor(page: Page) {
    this.page = page
  }

  /** `module`: where `/client.js` is loaded from. Resolves when `connect` was called. */
  static async open(
    context: BrowserContext,
    site: string,
    module: string,
    options: ClientPageOptions,
  ): Promise<ClientPage> {
    const page = await context.newPage()
    await page.goto(site)
    await page.evaluate(
      async ([source, asked]) => {
        const { connect } = await import(source)
        window.told = { events: [], gaps: [], states: [] }
        window.asked = 0
        const ticket = async () => {
          window.asked++
          const answer = await fetch(asked.tickets!)
          if (!answer.ok) throw new Error(`status ${answer.status}`)
          return answer.json()
        }
        window.stream = connect({
          ...asked,
          ...(asked.tickets && { ticket }),
          event: (event: HubEvent) => window.told.events.push(event),
          gap: (gap: Told['gaps'][number]) => window.told.gaps.push(gap),
          state: (name: string, detail: Record<string, unknown> = {}) => window.told.states.push({ name, detail }),
        })
      },
      [module, options] as const,
    )
    return new ClientPage(page)
  }

  told(): Promise<Told> {
    return this.page.evaluate(() => window.told)
  }

  async data(): Promise<unknown[]> {
    return (await this.told()).events.map(({ data }) => data)
  }

  async states(): Promise<string[]> {
    return (await this.told()).states.map(({ name }) => name)
  }

  async state(wanted: string, deadlineMs = DEADLINE_MS): Promise<void> {
    await until(`the state ${wanted}`, async () => (await this.states()).at(-1) === wanted, deadlineMs)
  }

  /** All data it was handed, once there are `count`. */
  async received(count: number, deadlineMs = DEADLINE_MS): Promise<unknown[]> {
    await until(`${count} events`, async () => (await this.told()).events.length >= count, deadlineMs)
    return this.data()
  }
}
