import { failpoint } from '../errors/failpoint.js'
import type { VolumeRecord } from '../store/volumes.js'
import { isKnownToDriver } from './adopt.js'
import { copyOrigin } from './capture.js'
import { saying } from './driver-failure.js'
import { recoverVolume, undoMaking } from './remove.js'
import type { VolumeContext } from './volume-context.js'
import { inUse, noSuchVolume, otherDriver } from './volume-errors.js'
import { isPlainRequest, newRecord, type VolumeOrigin, type VolumeRequest } from './volume-record.js'

/** What `insert` does in the transaction at whose end all volumes are there, and the names of those that were made. */
export interface Made<Result> {
  readonly result: Result
  readonly made: string[]
}

/**
 * Runs `insert` in a transaction at whose end all the volumes are there: those that are not yet are made. Plain ones are so
 * by their record; the others by their drivers before, under their locks until the transaction is over.
 *
 * @param insert gets those that were there before
 */
export async function havingVolumes<Result>(
  context: VolumeContext,
  requests: readonly VolumeRequest[],
  insert: (there: ReadonlyMap<string, VolumeRecord>) => Result,
  signal: AbortSignal,
): Promise<Made<Result>> {
  const { store } = context
  for (;;) {
    signal.throwIfAborted()
    try {
      await verifyDrivers(context, requests)
      const driven = requests.filter((request) => isDriven(context, request))
      driven.sort((one, other) => (one.name < other.name ? -1 : 1))
      return await making(context, driven, [], signal, (own) =>
        store.transaction(() => {
          const there = store.named(requests.map(({ name }) => name))
          const made = requests.filter((request) => settle(context, request, own, there.get(request.name)))
          return { result: insert(there), made: made.map(({ name }) => name) }
        }),
      )
    } catch (error) {
      if (!(error instanceof Busy)) throw error
      const { volume } = error
      if (!(await recoverVolume(context, volume, signal))) throw inUse(volume, store.users(volume))
    }
  }
}

/** What somebody else is making or removing. */
class Busy extends Error {
  readonly volume: string
  constructor(volume: string) {
    super(`volume ${volume} is being made or removed`)
    this.volume = volume
  }
}

/** A driver that does not exist is told of before the volume that has another one. */
async function verifyDrivers(context: VolumeContext, requests: readonly VolumeRequest[]): Promise<void> {
  for (const { name, driver } of requests) {
    const volume = driver === '' ? undefined : context.store.get(name)
    if (volume && volume.driver !== driver) await saying(`create ${name}`, () => context.driver(driver))
  }
}

/** Whether it is to be made by a driver. */
function isDriven({ store }: VolumeContext, request: VolumeRequest): boolean {
  return !isPlainRequest(request) && !request.mustExist && !isUsable(request, store.get(request.name))
}

/** Whether a volume can be had as it is. */
function isUsable({ name, driver }: VolumeRequest, volume: VolumeRecord | undefined): boolean {
  if (!volume) return false
  if (volume.state !== 'ready') throw new Busy(name)
  if (driver !== '' && driver !== volume.driver) throw otherDriver(volume, driver)
  return true
}

/** Makes volumes by their drivers, one inside the lock of the other, in the order of their names. */
async function making<Result>(
  context: VolumeContext,
  requests: readonly VolumeRequest[],
  own: readonly string[],
  signal: AbortSignal,
  body: (own: ReadonlySet<string>) => Result,
): Promise<Result> {
  const [request, ...others] = requests
  if (!request) return body(new Set(own))
  const make = async () => {
    // What its driver has already is not made, and so never undone.
    const isKnown = await isKnownToDriver(context, request, signal)
    const volume = newRecord(request, isKnown ? 'ready' : 'creating')
    if (!context.store.insert(volume) || isKnown) {
      if (context.store.get(request.name)?.state !== 'ready') throw new Busy(request.name)
      return making(context, others, own, signal, body)
    }
    try {
      await create(context, volume, request.origin, signal)
      return await making(context, others, [...own, volume.name], signal, body)
    } catch (error) {
      await undoMaking(context, volume, error)
      throw error
    }
  }
  return context.locked(request.name, make, signal)
}

async function create(
  context: VolumeContext,
  volume: VolumeRecord,
  origin: VolumeOrigin | undefined,
  signal: AbortSignal,
): Promise<void> {
  failpoint('volume.create')
  await saying(`create ${volume.name}`, async () => {
    const driver = await context.driver(volume.driver, signal)
    await driver.create(volume.name, volume.options, { signal })
  })
  if (origin) await copyOrigin(context, origin, context.path(volume.name), signal)
  failpoint('volume.created')
}

/** In the transaction: the volume is there from now on. Returns whether it was made. */
function settle(
  { store }: VolumeContext,
  request: VolumeRequest,
  own: ReadonlySet<string>,
  volume: VolumeRecord | undefined,
): boolean {
  const { name } = request
  if (own.has(name)) {
    store.finish(name)
    return true
  }
  if (isUsable(request, volume)) return false
  if (request.mustExist) throw noSuchVolume(name)
  // Somebody has removed it since it was looked at.
  if (!isPlainRequest(request)) throw new Busy(name)
  return store.insert(newRecord(request, 'ready', request.origin?.layers))
}
