import type { ContainerConfig, PortBinding } from '../spec/options.js'
import { inspectMountOptions } from './inspect-mount-options.js'
import { type InspectHostPort, sortedByKey } from './inspect-network.js'
import type { ContainerNetworking } from './networking.js'

/** `HostConfig` of `docker inspect`. */
export function inspectHostConfig(
  config: ContainerConfig,
  name: string,
  { links }: Pick<ContainerNetworking, 'links'>,
): Record<string, unknown> {
  const { resources } = config
  return {
    ...inspectMountOptions(config),
    NetworkMode: config.network,
    PortBindings: portBindings(config.ports),
    PublishAllPorts: config.publishAll,
    Links: links.length > 0 ? links.map(({ target, alias }) => `/${target}:/${name}/${alias}`) : null,
    RestartPolicy: { Name: config.restartPolicy.name, MaximumRetryCount: config.restartPolicy.maximumRetryCount },
    AutoRemove: config.rm,
    CapAdd: config.capAdd.length > 0 ? config.capAdd : null,
    CapDrop: config.capDrop.length > 0 ? config.capDrop : null,
    CgroupnsMode: config.cgroupnsMode,
    Dns: config.dns,
    DnsOptions: config.dnsOptions,
    DnsSearch: config.dnsSearch,
    ExtraHosts: config.extraHosts.length > 0 ? config.extraHosts : null,
    GroupAdd: config.groupAdd.length > 0 ? config.groupAdd : null,
    IpcMode: config.ipcMode,
    PidMode: config.pidMode === 'host' ? 'host' : '',
    UTSMode: config.utsMode === 'host' ? 'host' : '',
    Privileged: config.privileged,
    ReadonlyRootfs: config.readOnly,
    SecurityOpt: securityOpt(config),
    ShmSize: config.shmSize,
    Sysctls: config.sysctls,
    Init: config.init,
    OomScoreAdj: config.oomScoreAdj,
    CpuShares: resources.cpuShares ?? 0,
    Memory: resources.memory ?? 0,
    MemoryReservation: resources.memoryReservation ?? 0,
    MemorySwap: resources.memorySwap ?? 0,
    CpuPeriod: resources.cpuPeriod ?? 0,
    CpuQuota: resources.cpuQuota ?? 0,
    CpusetCpus: resources.cpusetCpus ?? '',
    CpusetMems: resources.cpusetMems ?? '',
    PidsLimit: resources.pidsLimit ?? null,
    OomKillDisable: resources.oomKillDisable ?? false,
    Devices: config.devices.map(({ hostPath, containerPath, permissions }) => ({
      PathOnHost: hostPath,
      PathInContainer: containerPath,
      CgroupPermissions: permissions,
    })),
    Ulimits: config.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
  }
}

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

function securityOpt({ security }: ContainerConfig): string[] | null {
  const options = [
    ...(security.noNewPrivileges ? ['no-new-privileges'] : []),
    ...(security.seccomp === 'unconfined'
      ? ['seccomp=unconfined']
      : security.seccomp
        ? [`seccomp=${JSON.stringify(security.seccomp)}`]
        : []),
    ...(security.systemPathsUnconfined ? ['systempaths=unconfined'] : []),
  ]
  return options.length > 0 ? options : null
}
