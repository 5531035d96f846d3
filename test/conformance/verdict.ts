import type { Check, Scenario, SuiteRun } from './suite.ts'

/**
 * The scenarios that may fail: the tasks extension (`io.modelcontextprotocol/tasks`, SEP-2663), which the hub does not
 * offer and no revision requires.
 */
const LET_OFF: ReadonlySet<string> = new Set([
  'tasks-capability-negotiation',
  'tasks-dispatch-and-envelope',
  'tasks-lifecycle',
  'tasks-mrtr-composition',
  'tasks-mrtr-input',
  'tasks-request-headers',
  'tasks-request-state-removal',
  'tasks-required-task-error',
  'tasks-status-notifications',
  'tasks-wire-fields',
])

const BAD: Check['status'][] = ['FAILURE', 'WARNING']

export interface Verdict {
  scenarios: number
  /** Checks. */
  passed: number
  failed: number
  /** Failed checks of scenarios that may fail. */
  letOff: number
  /** Scenarios that found nothing to check. */
  idle: readonly string[]
  /** What failed, a line each. */
  failures: readonly string[]
}

/** What the suite only warns of, as a SHOULD of the specification, has failed here, too. */
export function verdictOf({ exitCode, scenarios }: SuiteRun): Verdict {
  const counted = scenarios.filter(({ name }) => !LET_OFF.has(name))
  const failures = counted.flatMap((scenario) => having(scenario, ...BAD).map((check) => said(scenario, check)))
  // What the suite fails for and left no word of.
  if (exitCode !== 0 && failures.length === 0) failures.push(`The suite ended with exit code ${exitCode}.`)
  return {
    scenarios: scenarios.length,
    passed: scenarios.flatMap((scenario) => having(scenario, 'SUCCESS')).length,
    failed: failures.length,
    letOff: scenarios.filter(({ name }) => LET_OFF.has(name)).flatMap((scenario) => having(scenario, ...BAD)).length,
    idle: counted.filter((scenario) => having(scenario, 'SUCCESS', ...BAD).length === 0).map(({ name }) => name),
    failures,
  }
}

function having({ checks }: Scenario, ...statuses: Check['status'][]): Check[] {
  return checks.filter(({ status }) => statuses.includes(status))
}

function said({ name }: Scenario, { id, status, description, errorMessage }: Check): string {
  return `${status} ${name}, ${id}: ${errorMessage ?? description}`
}
