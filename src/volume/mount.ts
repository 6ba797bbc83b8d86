import { failpoint } from '../errors/failpoint.js'
import type { VolumeMount, VolumeRecord } from '../store/volumes.js'
import { isRefusal, saying, tolerating } from './driver-failure.js'
import { undoingOf, type VolumeContext } from './volume-context.js'
import { isPlain } from './volume-record.js'

/** Who has a volume mounted: a run of a container, or an access without one. */
export type VolumeUser = Pick<VolumeMount, 'container' | 'attempt'>

/** What a use of a volume is called when it is talked of with its driver. */
export function useId({ container, attempt }: VolumeUser): string {
  return attempt === 0 ? container : `${container}-${attempt}`
}

/** Under the lock of a volume that is not plain. @returns where its files are */
export async function mountVolume(
  context: VolumeContext,
  volume: VolumeRecord,
  user: VolumeUser,
  signal: AbortSignal,
): Promise<string> {
  const { store, layers } = context
  const { name } = volume
  const driver = await context.driver(volume.driver, signal)
  if (volume.layers.length > 0) layers.prepare(volume)
  failpoint('volume.mount')
  store.beginMount(name, user.container, user.attempt)
  const what = `error while mounting volume '${volume.driver === 'local' ? context.path(name) : name}'`
  const path = await saying(what, async () => {
    try {
      return await driver.mount(name, useId(user), { signal })
    } catch (error) {
      // Then there is nothing to be unmounted.
      if (isRefusal(error)) store.unmounted(name, user.container, user.attempt)
      throw error
    }
  })
  failpoint('volume.mounted')
  store.mounted(name, user.container, user.attempt, path)
  return path
}

/** Under the volume's lock. */
export async function unmountVolume(
  context: VolumeContext,
  name: string,
  user: VolumeUser,
  signal: AbortSignal = context.undoing,
): Promise<void> {
  const volume = context.store.get(name)
  // What is mounted on a plain volume's directory was mounted by somebody else.
  if (volume && !isPlain(volume)) {
    const driver = await context.driver(volume.driver, signal)
    failpoint('volume.unmount')
    await driver.unmount(name, useId(user), { signal: undoingOf(volume, signal) }).catch((error) => {
      // Whether it was mounted at all, nobody but its driver knows.
      if (!isRefusal(error) || isMounted(context, name, user)) throw error
    })
  }
  failpoint('volume.unmounted')
  context.store.unmounted(name, user.container, user.attempt)
}

function isMounted({ store }: VolumeContext, name: string, { container, attempt }: VolumeUser): boolean {
  const mounts = store.mountsOf(name)
  return mounts.some((mount) => mount.container === container && mount.attempt === attempt && mount.path !== undefined)
}

/** Mounts the volumes of a container that are not plain. @returns paths by name */
export async function mountForRun(
  context: VolumeContext,
  run: VolumeUser,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const paths = new Map<string, string>()
  for (const volume of context.store.mountedBy(run.container)) {
    if (isPlain(volume)) continue
    const mount = () => mountVolume(context, context.layers.finish(volume.name) ?? volume, run, signal)
    paths.set(volume.name, await context.locked(volume.name, mount, signal))
  }
  return paths
}

/** Unmounts what is mounted for runs of a container; drivers other than `local` are not waited for to the end. */
export async function unmountRuns(context: VolumeContext, container: string): Promise<void> {
  const mounts = context.store.mounts(container)
  const unmount = (mount: VolumeMount) =>
    context.locked(mount.volume, () => unmountVolume(context, mount.volume, mount), context.undoing)
  const isForeign = ({ volume }: VolumeMount) => context.isForeign(volume)
  for (const mount of mounts) if (!isForeign(mount)) await unmount(mount)
  // `reconcile` does it for all at once.
  if (context.isOpening) return
  await context.underWay.patiently(mounts.filter(isForeign).map((mount) => tolerating(unmount(mount))))
}
