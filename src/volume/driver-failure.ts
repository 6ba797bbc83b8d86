import { inspect } from 'node:util'
import { InboardError, VolumeError } from '../errors/index.js'
import { printable } from '../errors/printable.js'

/** A method of Docker's volume plugin protocol; a driver in TypeScript has the same ones. */
export type DriverMethod = 'Create' | 'Remove' | 'Mount' | 'Unmount' | 'Path' | 'Get' | 'List' | 'Capabilities'

const maxReasonLength = 2000

export interface FailureOf {
  readonly driver: string
  readonly volume?: string | undefined
  /** It was the driver's answer: things are as before, as far as it knows. */
  readonly isRefusal?: boolean
  /** Docker does not name the method where the refusal is a proper answer. */
  readonly isNamed?: boolean
  readonly cause?: unknown
}

/** In Docker's words: `VolumeDriver.Create: no space left`. */
export function driverFailure(
  method: DriverMethod,
  why: string,
  { driver, volume, isRefusal = false, isNamed = true, cause }: FailureOf,
): VolumeError {
  const words = printable(why, maxReasonLength)
  return new VolumeError(isNamed ? `VolumeDriver.${method}: ${words}` : words, {
    code: 'VOLUME_DRIVER_FAILED',
    ...(cause !== undefined && { cause }),
    details: {
      driver,
      ...(volume !== undefined && { volume }),
      method: `VolumeDriver.${method}`,
      ...(isRefusal && { isRefusal }),
    },
  })
}

/** Whether a driver has answered that it does not do what it was asked for. Otherwise nobody knows whether it did. */
export function isRefusal(error: unknown): boolean {
  return error instanceof VolumeError && error.details.isRefusal === true
}

/** There is no such driver any more, or this process has it not. */
export function isDriverMissing(error: unknown): boolean {
  return error instanceof InboardError && error.code === 'VOLUME_DRIVER_NOT_FOUND'
}

/** A driver that fails, or that this process has not, keeps nobody from going on: its volumes wait for the next time. */
export async function tolerating(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof VolumeError || isDriverMissing(error) || isClosed(error))) throw error
  }
}

/** A driver's failure says what was to be done with which volume, as Docker's does. */
export async function saying<Result>(what: string, body: () => Promise<Result>): Promise<Result> {
  try {
    return await body()
  } catch (error) {
    if (!(error instanceof InboardError) || isClosed(error)) throw error
    const { code, details, message } = error
    const Class = error.constructor as typeof InboardError
    throw new Class(`${what}: ${message}`, { code, details, cause: error.cause ?? error })
  }
}

const isClosed = (error: unknown) => error instanceof InboardError && error.code === 'ENGINE_CLOSED'

/** What was thrown, as words. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '') return thrown.errors.map(reasonOf).join('; ')
  if (thrown instanceof Error) return String(thrown.message) || thrown.name
  return typeof thrown === 'string' ? thrown : inspect(thrown)
}
