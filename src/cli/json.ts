import type { Given, Option } from './command.js'
import { UsageError } from './usage-error.js'

/** Options of commands that tell something. */
export const jsonOptions: Readonly<Record<string, Option>> = {
  json: { type: 'boolean', help: 'Print a JSON document' },
  format: { type: 'string', value: 'json', help: 'The same' },
}

export function asksForJson(given: Given): boolean {
  const format = given.text('format')
  if (format !== undefined && format !== 'json') throw new UsageError(`--format: the only one there is is json`)
  return format === 'json' || given.flag('json')
}

export function printJson(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`)
}
