import { inspect } from 'node:util'
import { VolumeError } from '../errors/index.js'
import { printable } from '../errors/printable.js'

/** A method of Docker's volume plugin protocol; a driver in TypeScript has the same ones. */
export type DriverMethod = 'Create' | 'Remove' | 'Mount' | 'Unmount' | 'Path' | 'Get' | 'List' | 'Capabilities'

const maxReasonLength = 2000

export interface FailureOf {
  readonly driver: string
  readonly volume?: string | undefined
  readonly cause?: unknown
}

/** In Docker's words: `VolumeDriver.Create: no space left`. */
export function driverFailure(method: DriverMethod, why: string, { driver, volume, cause }: FailureOf): VolumeError {
  return new VolumeError(`VolumeDriver.${method}: ${printable(why, maxReasonLength)}`, {
    code: 'VOLUME_DRIVER_FAILED',
    ...(cause !== undefined && { cause }),
    details: { driver, ...(volume !== undefined && { volume }), method: `VolumeDriver.${method}` },
  })
}

/** What was thrown, as words. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '') return thrown.errors.map(reasonOf).join('; ')
  if (thrown instanceof Error) return String(thrown.message) || thrown.name
  return typeof thrown === 'string' ? thrown : inspect(thrown)
}
