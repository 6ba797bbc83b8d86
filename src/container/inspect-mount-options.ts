import { yields } from '../spec/mounts.js'
import type { ConfiguredBind, ConfiguredMount, ConfiguredVolume, ContainerConfig } from '../spec/options.js'
import { parseSize } from '../spec/size.js'

/** The part of `HostConfig` that tells which mounts were asked for, and by which option. */
export function inspectMountOptions({ mounts, volumesFrom, volumeDriver }: ContainerConfig): Record<string, unknown> {
  const binds = mounts.filter(isShort)
  const long = mounts.filter(({ syntax }) => syntax === 'mount')
  const tmpfs = mounts.filter((mount) => mount.type === 'tmpfs').filter(({ syntax }) => syntax === 'tmpfs')
  return {
    Binds: binds.length > 0 ? binds.map(bindText) : null,
    ...(long.length > 0 && { Mounts: long.map(longForm) }),
    ...(tmpfs.length > 0 && { Tmpfs: Object.fromEntries(tmpfs.map(({ target, given }) => [target, given])) }),
    VolumeDriver: volumeDriver,
    VolumesFrom: volumesFrom.length > 0 ? volumesFrom : null,
  }
}

/** Whether it is of `volume()`, and not an anonymous one: those are in `Config.Volumes`. */
function isShort(mount: ConfiguredMount): mount is ConfiguredBind | ConfiguredVolume {
  return mount.syntax === 'volume' && !yields(mount)
}

function bindText(mount: ConfiguredBind | ConfiguredVolume): string {
  const source = mount.type === 'bind' ? mount.source : mount.name
  return [source, mount.target, ...(mount.mode === '' ? [] : [mount.mode])].join(':')
}

/** What `--mount` is to Docker: fields that were not given are not there. */
function longForm(mount: ConfiguredMount): Record<string, unknown> {
  const { type: Type, target: Target } = mount
  switch (mount.type) {
    case 'bind':
      return { Type, Source: mount.source, Target, ...readOnlyOf(mount), ...bindOptions(mount) }
    case 'volume':
      return { Type, ...filled({ Source: mount.name }), Target, ...readOnlyOf(mount), ...volumeOptions(mount) }
    case 'image':
      return { Type, Source: mount.source, Target, ...given('ImageOptions', { Subpath: mount.subpath }) }
    case 'tmpfs':
      return { Type, Target, ...readOnlyOf(mount), ...tmpfsOptions(mount.given) }
  }
}

const readOnlyOf = ({ readOnly }: { readonly readOnly: boolean }) => filled({ ReadOnly: readOnly })

function bindOptions({ propagation, recursive, createSource }: ConfiguredBind): Record<string, unknown> {
  return given('BindOptions', {
    Propagation: propagation === 'rprivate' ? '' : propagation,
    NonRecursive: recursive === 'disabled',
    CreateMountpoint: createSource,
    ReadOnlyNonRecursive: recursive === 'writable',
    ReadOnlyForceRecursive: recursive === 'readonly',
  })
}

function volumeOptions({ noCopy, labels, driver, driverOptions, subpath }: ConfiguredVolume): Record<string, unknown> {
  return given('VolumeOptions', {
    NoCopy: noCopy,
    Labels: unlessEmpty(labels),
    DriverConfig: unlessEmpty(filled({ Name: driver, Options: unlessEmpty(driverOptions) })),
    Subpath: subpath,
  })
}

function tmpfsOptions(options: string): Record<string, unknown> {
  const { size, mode } = Object.fromEntries(options.split(',').map((option) => option.split('=')))
  return given('TmpfsOptions', {
    SizeBytes: size === undefined ? 0 : parseSize('mount', size),
    Mode: mode === undefined ? 0 : Number.parseInt(mode, 8),
  })
}

/** `fields` under `name`, when there are any. */
function given(name: string, fields: Record<string, unknown>): Record<string, unknown> {
  return filled({ [name]: unlessEmpty(filled(fields)) })
}

/** Without what is '', 0, false or undefined. */
function filled(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => Boolean(value)))
}

function unlessEmpty(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  return Object.keys(fields).length > 0 ? fields : undefined
}
