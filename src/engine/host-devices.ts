import { constants, readdirSync, statSync } from 'node:fs'
import { NotFoundError } from '../errors/index.js'
import type { ContainerConfig } from '../spec/options.js'
import type { BlockDevice, Device } from '../spec/types.js'

/** A device of the host as a container is to have it. */
export type HostDevice = Device & { readonly permissions: string }

/** The host's devices that a container asks for; all of them when it is privileged. */
export function hostDevices(config: ContainerConfig): readonly HostDevice[] {
  if (config.privileged) return allDevices('/dev')
  return config.devices.flatMap(({ hostPath, containerPath, permissions }) => {
    const device = deviceAt(hostPath, containerPath, permissions)
    if (device) return [device]
    const below = directoryDevices(hostPath, containerPath, permissions)
    if (below.length > 0) return below
    throw new NotFoundError(
      `error gathering device information while adding custom device "${hostPath}": no such file or directory, or not a device`,
      { code: 'FILE_NOT_FOUND', details: { option: 'device', path: hostPath } },
    )
  })
}

function directoryDevices(hostPath: string, containerPath: string, permissions: string): HostDevice[] {
  if (!statSync(hostPath, { throwIfNoEntry: false })?.isDirectory()) return []
  return readdirSync(hostPath).flatMap(
    (name) => deviceAt(`${hostPath}/${name}`, `${containerPath}/${name}`, permissions) ?? [],
  )
}

// What a container has of its own, in its own /dev.
const ownDirectories = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev'])

function allDevices(directory: string): HostDevice[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`
    if (entry.isDirectory()) return ownDirectories.has(entry.name) ? [] : allDevices(path)
    return entry.name === 'console' ? [] : (deviceAt(path, path, 'rwm') ?? [])
  })
}

function deviceAt(hostPath: string, path: string, permissions: string): HostDevice | undefined {
  const stat = statSync(hostPath, { throwIfNoEntry: false })
  if (!stat || !(stat.isCharacterDevice() || stat.isBlockDevice())) return undefined
  const { rdev, mode, uid, gid } = stat
  return {
    path,
    type: stat.isBlockDevice() ? 'b' : 'c',
    // Linux's 32-bit dev_t: 12 bits of major around 20 of minor. @see makedev(3)
    major: (rdev >>> 8) & 0xfff,
    minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
    fileMode: mode & ~constants.S_IFMT,
    uid,
    gid,
    permissions,
  }
}

/** The block devices of the host that a container's limits name, by path. @throws {NotFoundError} FILE_NOT_FOUND */
export function blockDevices({ resources }: Pick<ContainerConfig, 'resources'>): ReadonlyMap<string, BlockDevice> {
  const named = [
    ...(resources.blkioWeightDevice ?? []),
    ...(resources.deviceReadBps ?? []),
    ...(resources.deviceWriteBps ?? []),
    ...(resources.deviceReadIops ?? []),
    ...(resources.deviceWriteIops ?? []),
  ]
  return new Map(
    named.map(({ path }) => {
      const device = deviceAt(path, path, '')
      if (device) return [path, { major: device.major, minor: device.minor }]
      throw new NotFoundError(`stat ${path}: no such file or directory, or not a device`, {
        code: 'FILE_NOT_FOUND',
        details: { path },
      })
    }),
  )
}
