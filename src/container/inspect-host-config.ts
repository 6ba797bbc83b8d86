import { hiddenPaths } from '../spec/kernel-paths.js'
import type { ContainerConfig, DeviceRate, PortBinding } from '../spec/options.js'
import { inspectMountOptions } from './inspect-mount-options.js'
import { type InspectHostPort, sortedByKey } from './inspect-network.js'
import type { ContainerNetworking } from './networking.js'

/** `HostConfig` of `docker inspect`: by Docker's names, all that a container was asked to be on its host. */
export type InspectHostConfig = Readonly<Record<string, unknown>>

export function inspectHostConfig(
  config: ContainerConfig,
  name: string,
  { links }: Pick<ContainerNetworking, 'links'>,
): InspectHostConfig {
  return {
    ...inspectMountOptions(config),
    ContainerIDFile: '',
    LogConfig: { Type: config.log.driver, Config: config.log.options },
    ...networkOptions(config),
    Links: links.length > 0 ? links.map(({ target, alias }) => `/${target}:/${name}/${alias}`) : null,
    RestartPolicy: { Name: config.restartPolicy.name, MaximumRetryCount: config.restartPolicy.maximumRetryCount },
    AutoRemove: config.rm,
    ...namespaces(config),
    ...security(config),
    ShmSize: config.shmSize,
    ...(config.init && { Init: true }),
    OomScoreAdj: config.oomScoreAdj,
    Runtime: 'inboard',
    ConsoleSize: [0, 0],
    Isolation: '',
    ...resources(config),
    ...devices(config),
    Ulimits: config.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
  }
}

function networkOptions(config: ContainerConfig) {
  return {
    NetworkMode: config.network,
    PortBindings: portBindings(config.ports),
    PublishAllPorts: config.publishAll,
    Dns: config.dns,
    DnsOptions: config.dnsOptions,
    DnsSearch: config.dnsSearch,
    ExtraHosts: unlessEmpty(config.extraHosts),
  }
}

/** Docker shows the mode of processes and hostname only where it is not the container's own. */
function namespaces({ cgroupnsMode, ipcMode, pidMode, utsMode, cgroupParent }: ContainerConfig) {
  return {
    CgroupnsMode: cgroupnsMode,
    IpcMode: ipcMode,
    PidMode: pidMode === 'private' ? '' : pidMode,
    UTSMode: utsMode === 'host' ? 'host' : '',
    UsernsMode: '',
    Cgroup: '',
    CgroupParent: cgroupParent,
  }
}

function security(config: ContainerConfig) {
  return {
    Privileged: config.privileged,
    ReadonlyRootfs: config.readOnly,
    CapAdd: unlessEmpty(config.capAdd),
    CapDrop: unlessEmpty(config.capDrop),
    GroupAdd: unlessEmpty(config.groupAdd),
    SecurityOpt: securityOpt(config),
    ...(Object.keys(config.sysctls).length > 0 && { Sysctls: config.sysctls }),
    ...inspectHiddenPaths(config),
  }
}

/** Docker tells of a privileged container that nothing is said about them, and of one without them that there are none. */
function inspectHiddenPaths(config: ContainerConfig) {
  if (config.privileged) return { MaskedPaths: null, ReadonlyPaths: null }
  const { maskedPaths, readonlyPaths } = hiddenPaths(config)
  return { MaskedPaths: maskedPaths, ReadonlyPaths: readonlyPaths }
}

function resources({ resources }: ContainerConfig) {
  const { nanoCpus } = resources
  return {
    Memory: resources.memory ?? 0,
    MemoryReservation: resources.memoryReservation ?? 0,
    MemorySwap: resources.memorySwap ?? 0,
    MemorySwappiness: resources.memorySwappiness ?? null,
    KernelMemory: 0,
    KernelMemoryTCP: 0,
    OomKillDisable: resources.oomKillDisable ?? false,
    CpuShares: resources.cpuShares ?? 0,
    NanoCpus: nanoCpus ?? 0,
    // The period and quota of `cpus` are not asked for by themselves.
    CpuPeriod: nanoCpus === undefined ? (resources.cpuPeriod ?? 0) : 0,
    CpuQuota: nanoCpus === undefined ? (resources.cpuQuota ?? 0) : 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: resources.cpusetCpus ?? '',
    CpusetMems: resources.cpusetMems ?? '',
    CpuCount: 0,
    CpuPercent: 0,
    PidsLimit: resources.pidsLimit ?? null,
    ...blockIo(resources),
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  }
}

function blockIo(resources: ContainerConfig['resources']) {
  const rates = (devices: readonly DeviceRate[] = []) => devices.map(({ path, rate }) => ({ Path: path, Rate: rate }))
  return {
    BlkioWeight: resources.blkioWeight ?? 0,
    BlkioWeightDevice: (resources.blkioWeightDevice ?? []).map(({ path, weight }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: rates(resources.deviceReadBps),
    BlkioDeviceWriteBps: rates(resources.deviceWriteBps),
    BlkioDeviceReadIOps: rates(resources.deviceReadIops),
    BlkioDeviceWriteIOps: rates(resources.deviceWriteIops),
  }
}

function devices({ devices, deviceCgroupRules }: ContainerConfig) {
  return {
    Devices: devices.map(({ hostPath, containerPath, permissions }) => ({
      PathOnHost: hostPath,
      PathInContainer: containerPath,
      CgroupPermissions: permissions,
    })),
    DeviceCgroupRules: unlessEmpty(deviceCgroupRules),
    DeviceRequests: null,
  }
}

const unlessEmpty = <Value>(values: readonly Value[]) => (values.length > 0 ? values : null)

function portBindings(ports: readonly PortBinding[]): Record<string, InspectHostPort[]> {
  const bindings: Record<string, InspectHostPort[]> = {}
  for (const port of ports) {
    const [first, last] = port.hostPort
    const range = first === last ? `${first}` : `${first}-${last}`
    const name = `${port.port}/${port.protocol}`
    bindings[name] = [...(bindings[name] ?? []), { HostIp: port.hostAddress, HostPort: first === 0 ? '' : range }]
  }
  return sortedByKey(bindings)
}

/** As Docker tells it, a privileged container has no labels. */
function securityOpt({ privileged, security }: ContainerConfig): string[] | null {
  const options = [
    ...(security.noNewPrivileges ? ['no-new-privileges'] : []),
    ...(security.seccomp === 'unconfined'
      ? ['seccomp=unconfined']
      : security.seccomp
        ? [`seccomp=${JSON.stringify(security.seccomp)}`]
        : []),
    ...(privileged ? ['label=disable'] : []),
  ]
  return options.length > 0 ? options : null
}
