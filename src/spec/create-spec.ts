import { grantedCapabilities } from './capabilities.js'
import { deviceNodes, deviceRules } from './device-nodes.js'
import { containerMounts, type MountsInput } from './filesystem.js'
import type { HostFacts, ResolvedDevice } from './host-facts.js'
import { hiddenPaths } from './kernel-paths.js'
import { hasOwnNetwork } from './network-mode.js'
import type { ContainerConfig, DeviceRate } from './options.js'
import { containerHostname, containerProcess, type ProcessInput } from './process.js'
import { compact, deepFreeze } from './records.js'
import { defaultProfile } from './seccomp/default-profile.js'
import { resolveProfile } from './seccomp/resolve.js'
import type { BlockDevice, BlockIo, Linux, Mount, NamespaceType, Resources, Seccomp, Spec } from './types.js'

export interface SpecInput extends ProcessInput, MountsInput {
  /** The devices asked for, resolved; with `privileged` all of the host's as well. */
  readonly devices: readonly ResolvedDevice[]
  /** The block devices that limits name, by their paths. */
  readonly blockDevices: ReadonlyMap<string, BlockDevice>
}

/** In a network namespace of its own a container may ping, and serve on any port, without being root. */
const networkSysctls = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
} as const

/**
 * Compiles a container's configuration, its image's and the host's facts to what shall run: the runtime specification that
 * Docker 28 makes by default, frozen.
 *
 * @throws {InvalidOptionError} INVALID_OPTION when there is no command, or the image's working directory is relative
 * @throws {UnsupportedHostError} for a capability or an init program that the host lacks
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config.md
 */
export function createSpec(input: SpecInput): Spec {
  const { config, host } = input
  const domainname = input.shared?.domainname ?? config.domainname
  const process = containerProcess(input)
  const mounts = containerMounts(input, host.initPath)
  return deepFreeze({
    ociVersion: '1.2.1',
    process,
    root: { readonly: config.readOnly },
    hostname: containerHostname(input),
    ...(domainname !== '' && { domainname }),
    mounts,
    linux: linuxOf(input, mounts),
  })
}

function linuxOf({ config, host, devices, blockDevices }: SpecInput, mounts: readonly Mount[]): Linux {
  const seccomp = seccompOf(config, host)
  // The host's /dev, bound over the container's, has its own nodes, and none may be made in it.
  const boundDev = mounts.some(({ destination, type }) => destination === '/dev' && type === 'bind')
  return {
    namespaces: namespacesOf(config, host).map((type) => ({ type })),
    sysctl: { ...(hasOwnNetwork(config.network) ? networkSysctls : {}), ...config.sysctls },
    devices: boundDev ? [] : deviceNodes(devices),
    resources: resourcesOf(config, devices, blockDevices),
    ...hiddenPaths(config),
    ...(seccomp && { seccomp }),
  }
}

const ownIpc: ReadonlySet<string> = new Set(['private', 'shareable', 'none'])

function namespacesOf(config: ContainerConfig, host: HostFacts): NamespaceType[] {
  const separate: Readonly<Partial<Record<NamespaceType, boolean>>> = {
    mount: true,
    network: hasOwnNetwork(config.network),
    uts: config.utsMode === 'private',
    pid: config.pidMode === 'private',
    ipc: ownIpc.has(config.ipcMode),
    cgroup: config.cgroupnsMode === 'private' && host.cgroupNamespaces,
  }
  return (Object.keys(separate) as NamespaceType[]).filter((type) => separate[type])
}

function resourcesOf(
  config: ContainerConfig,
  given: readonly ResolvedDevice[],
  blockDevices: SpecInput['blockDevices'],
): Resources {
  const { resources } = config
  const memory = compact({
    limit: resources.memory,
    // No limit of swap is the kernel's default.
    swap: resources.memorySwap === -1 ? undefined : resources.memorySwap,
    reservation: resources.memoryReservation,
    swappiness: resources.memorySwappiness,
    disableOOMKiller: resources.oomKillDisable,
  })
  const cpu = compact({
    shares: resources.cpuShares,
    quota: resources.cpuQuota,
    period: resources.cpuPeriod,
    cpus: resources.cpusetCpus,
    mems: resources.cpusetMems,
  })
  const rules = deviceRules(config, given)
  const blockIO = blockIoOf(resources, blockDevices)
  return {
    ...(rules && { devices: rules }),
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(resources.pidsLimit !== undefined && { pids: { limit: resources.pidsLimit } }),
    ...(Object.keys(blockIO).length > 0 && { blockIO }),
  }
}

function blockIoOf(resources: ContainerConfig['resources'], devices: SpecInput['blockDevices']): BlockIo {
  const throttles = (rates: readonly DeviceRate[] | undefined) =>
    rates?.map(({ path, rate }) => ({ ...(devices.get(path) as BlockDevice), rate }))
  return compact({
    weight: resources.blkioWeight,
    weightDevice: resources.blkioWeightDevice?.map(({ path, weight }) => ({
      ...(devices.get(path) as BlockDevice),
      weight,
    })),
    throttleReadBpsDevice: throttles(resources.deviceReadBps),
    throttleWriteBpsDevice: throttles(resources.deviceWriteBps),
    throttleReadIOPSDevice: throttles(resources.deviceReadIops),
    throttleWriteIOPSDevice: throttles(resources.deviceWriteIops),
  })
}

type SeccompConfig = Pick<ContainerConfig, 'privileged' | 'capAdd' | 'capDrop' | 'security'>

/** Of all processes of a container. A privileged one has a filter only when it asks for one. */
export function seccompOf(config: SeccompConfig, host: HostFacts): Seccomp | undefined {
  const profile = config.security.seccomp ?? (config.privileged ? 'unconfined' : defaultProfile)
  if (profile === 'unconfined') return undefined
  const caps = grantedCapabilities(config, host.capabilities)
  return resolveProfile(profile, { arch: host.arch, kernel: host.kernel, caps })
}
