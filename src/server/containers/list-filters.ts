import type { ContainerFilters, PruneContainersFilters } from '../../engine/container-filters.js'
import { ApiError } from '../failures.js'

type Values = readonly string[]

/** Docker's filters of containers, as the engine has them. Those of other platforms fit everything. */
export function containerFilters(given: Readonly<Record<string, Values>>): ContainerFilters {
  const filters = Object.entries(given).filter(([, values]) => values.length > 0)
  return Object.fromEntries(filters.flatMap(([name, values]) => entryOf(name, values)))
}

function entryOf(name: string, values: Values): [string, unknown][] {
  switch (name) {
    case 'exited':
      return [['exited', values.map((value) => exitCode(value))]]
    case 'before':
    case 'since':
      return [[name, values[0]]]
    case 'is-task':
      return [['isTask', truth(values)]]
    case 'isolation':
      return []
    default:
      return [[name, values]]
  }
}

function exitCode(value: string): number {
  if (/^[+-]?\d{1,9}$/.test(value)) return Number(value)
  throw new ApiError(400, `invalid filter 'exited=${value}': give an exit code`)
}

function truth(values: Values): boolean {
  const [value = ''] = values
  if (/^(1|true|0|false)$/i.test(value)) return /^(1|true)$/i.test(value)
  throw new ApiError(400, `Invalid filter 'is-task=[${values.join(' ')}]'`)
}

/** Docker's filters of what is pruned. */
export function pruneFilters(given: Readonly<Record<string, Values>>): PruneContainersFilters {
  const filters = Object.entries(given).filter(([, values]) => values.length > 0)
  return Object.fromEntries(
    filters.map(([name, values]) => {
      if (name === 'label!') return ['withoutLabel', values]
      return name === 'until' ? [name, moment(values)] : [name, values]
    }),
  )
}

function moment(values: Values): string {
  const [value = '', ...more] = values
  if (more.length > 0) throw new ApiError(400, 'more than one until filter specified')
  return value
}
