import type { BindRecursion, MountInput, Propagation, RunOptions } from '../../spec/options.js'
import type { HostConfig, Mount } from './host-config.js'
import { given, unlessEmpty, unlessZero } from './schemas.js'

/** What is mounted in a container: `Binds`, `Mounts`, `Tmpfs`, and the anonymous volumes of `Config.Volumes`. */
export function mountOptions(host: HostConfig, volumes: readonly string[]): RunOptions {
  return given({
    volume: [...(host.Binds ?? []), ...volumes],
    mount: host.Mounts?.map(mountInput),
    tmpfs: Object.entries(host.Tmpfs ?? {}).map(([target, options]) => ({ target, options })),
    volumesFrom: host.VolumesFrom,
    volumeDriver: unlessEmpty(host.VolumeDriver),
  }) as RunOptions
}

/** What a mount of its type cannot have, comes along: who checks it refuses it in Docker's words. */
function mountInput(mount: Mount): MountInput {
  return given({
    type: mount.Type ?? '',
    source: unlessEmpty(mount.Source),
    target: mount.Target ?? '',
    readOnly: mount.ReadOnly,
    ...(mount.BindOptions && bindOptions(mount.BindOptions)),
    volumeOptions: mount.VolumeOptions && volumeOptions(mount.VolumeOptions),
    imageOptions: mount.ImageOptions && given({ subpath: unlessEmpty(mount.ImageOptions.Subpath) }),
    tmpfsOptions: mount.TmpfsOptions && tmpfsOptions(mount.TmpfsOptions),
  }) as unknown as MountInput
}

function bindOptions(options: NonNullable<Mount['BindOptions']>) {
  return {
    propagation: unlessEmpty(options.Propagation) as Propagation | undefined,
    recursive: recursion(options),
    createSource: options.CreateMountpoint || undefined,
  }
}

function recursion(options: NonNullable<Mount['BindOptions']>): BindRecursion | undefined {
  if (options.NonRecursive) return 'disabled'
  if (options.ReadOnlyNonRecursive) return 'writable'
  return options.ReadOnlyForceRecursive ? 'readonly' : undefined
}

function volumeOptions({ NoCopy, Labels, DriverConfig, Subpath }: NonNullable<Mount['VolumeOptions']>) {
  return given({
    noCopy: NoCopy,
    labels: Labels,
    driver: unlessEmpty(DriverConfig?.Name),
    driverOptions: DriverConfig?.Options,
    subpath: unlessEmpty(Subpath),
  })
}

function tmpfsOptions({ SizeBytes, Mode }: NonNullable<Mount['TmpfsOptions']>) {
  return given({ size: unlessZero(SizeBytes), mode: unlessZero(Mode) })
}
