import { InboardError } from '../errors/index.js'
import type { VolumeDriver, VolumeDriverCall } from './driver.js'
import { mountpointOf, nothingOf, pathOf, scopeOf, volumeOf, volumesOf } from './driver-answers.js'
import { type DriverMethod, driverFailure, reasonOf } from './driver-failure.js'
import { within } from './time-limit.js'

/** How long a driver is waited for. */
export interface DriverTimeouts {
  /** To create, remove, mount or unmount a volume. Default: two minutes. */
  readonly changeMs: number
  /** For anything else. Default: one minute. */
  readonly askMs: number
}

export const defaultDriverTimeouts: DriverTimeouts = { changeMs: 120_000, askMs: 60_000 }

const changes: ReadonlySet<DriverMethod> = new Set<DriverMethod>(['Create', 'Remove', 'Mount', 'Unmount'])

export interface BoundedOptions {
  readonly timeouts: DriverTimeouts
  /** Ends all calls. */
  readonly closed?: AbortSignal
}

/**
 * A driver whose calls end in time. They answer what its interface says or reject: with the reason of a signal, with errors
 * of inboard as they are, and with `VOLUME_DRIVER_FAILED` for anything else. What a call that was given up comes to is ignored.
 */
export function bounded(driver: VolumeDriver, name: string, { timeouts, closed }: BoundedOptions): VolumeDriver {
  const run = <Result>(
    method: DriverMethod,
    volume: string | undefined,
    { signal }: VolumeDriverCall,
    work: (call: VolumeDriverCall) => Promise<unknown> | undefined,
    read: (answer: unknown) => Result,
  ): Promise<Result> => {
    const ms = changes.has(method) ? timeouts.changeMs : timeouts.askMs
    const tooLate = () => driverFailure(method, `volume driver ${name} did not answer within ${ms / 1000} s`, of)
    const of = { driver: name, volume }
    return within({ ms, tooLate, signals: [signal, closed] }, async (signal) => {
      const failure = (cause: unknown, isRefusal: boolean) =>
        cause instanceof InboardError ? cause : driverFailure(method, reasonOf(cause), { ...of, isRefusal, cause })
      let isAnswered = false
      try {
        const answer = await work({ signal })
        isAnswered = true
        return read(answer)
      } catch (cause) {
        throw failure(cause, !isAnswered)
      }
    })
  }
  return {
    create: (volume, options, call) =>
      run('Create', volume, call, (bounds) => driver.create(volume, options, bounds), nothingOf),
    remove: (volume, call) => run('Remove', volume, call, (bounds) => driver.remove(volume, bounds), nothingOf),
    mount: (volume, id, call) => run('Mount', volume, call, (bounds) => driver.mount(volume, id, bounds), mountpointOf),
    unmount: (volume, id, call) =>
      run('Unmount', volume, call, (bounds) => driver.unmount(volume, id, bounds), nothingOf),
    ...(driver.path && {
      path: (volume, call) => run('Path', volume, call, (bounds) => driver.path?.(volume, bounds), pathOf),
    }),
    ...(driver.get && {
      get: (volume, call) => run('Get', volume, call, (bounds) => driver.get?.(volume, bounds), volumeOf),
    }),
    ...(driver.list && {
      list: (call) => run('List', undefined, call, (bounds) => driver.list?.(bounds), volumesOf),
    }),
    ...(driver.capabilities && {
      capabilities: (call) => run('Capabilities', undefined, call, (bounds) => driver.capabilities?.(bounds), scopeOf),
    }),
  }
}
