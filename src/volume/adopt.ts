import type { VolumeRecord } from '../store/volumes.js'
import { saying } from './driver-failure.js'
import { lookUp } from './drivers.js'
import type { VolumeContext } from './volume-context.js'
import { newRecord, type VolumeRequest } from './volume-record.js'

/** A volume that the store does not know, of the first driver that does, as if it had been made through the engine. */
export async function findVolume(
  { drivers }: VolumeContext,
  name: string,
  signal: AbortSignal,
): Promise<VolumeRecord | undefined> {
  const found = await drivers.find(name, signal)
  if (!found) return undefined
  const request = { name, driver: found.driver, isAnonymous: false, labels: {}, options: {} }
  const { createdAtMs, ...record } = newRecord(request, 'ready')
  return { ...record, createdAtMs: found.createdAt?.getTime() ?? createdAtMs }
}

/** Records a volume that only its driver knows. */
export function adoptVolume(context: VolumeContext, volume: VolumeRecord, signal: AbortSignal): Promise<void> {
  return context.locked(volume.name, () => void context.store.insert(volume), signal)
}

/** Records those of the volumes, asked for without a driver, that only a driver knows. Returns whether there are any. */
export async function adoptKnown(
  context: VolumeContext,
  requests: readonly VolumeRequest[],
  signal: AbortSignal,
): Promise<boolean> {
  const isAsked = ({ name, driver, isAnonymous, mustExist = false }: VolumeRequest) =>
    driver === '' && !isAnonymous && !mustExist && !context.store.get(name)
  if (requests.length === 0 || !context.drivers.hasOthers()) return false
  const asked = requests.filter(isAsked)
  let isAny = false
  for (const { name } of asked) {
    const known = await findVolume(context, name, signal)
    if (known) await adoptVolume(context, known, signal)
    isAny ||= known !== undefined
  }
  return isAny
}

/** Whether a driver has a volume that the store knows nothing of. */
export async function isKnownToDriver(
  context: VolumeContext,
  { name, driver }: VolumeRequest,
  signal: AbortSignal,
): Promise<boolean> {
  if (driver === '' || driver === 'local' || context.store.get(name)) return false
  return saying(`create ${name}`, async () => {
    return (await lookUp(await context.driver(driver, signal), name, signal)) !== undefined
  })
}
