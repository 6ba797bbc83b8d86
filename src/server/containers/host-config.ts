import { array, type InferOutput, looseObject, nullish, record, string, unknown } from 'valibot'
import { flag, may, text, textMap, texts, whole } from './schemas.js'

const deviceRates = may(array(looseObject({ Path: text, Rate: whole })))

/** Limits: what `update` changes as well. */
export const resourceFields = {
  CpuShares: whole,
  Memory: whole,
  NanoCpus: whole,
  CgroupParent: text,
  BlkioWeight: whole,
  BlkioWeightDevice: may(array(looseObject({ Path: text, Weight: whole }))),
  BlkioDeviceReadBps: deviceRates,
  BlkioDeviceWriteBps: deviceRates,
  BlkioDeviceReadIOps: deviceRates,
  BlkioDeviceWriteIOps: deviceRates,
  CpuPeriod: whole,
  CpuQuota: whole,
  CpuRealtimePeriod: whole,
  CpuRealtimeRuntime: whole,
  CpusetCpus: text,
  CpusetMems: text,
  Devices: may(array(looseObject({ PathOnHost: text, PathInContainer: text, CgroupPermissions: text }))),
  DeviceCgroupRules: texts,
  DeviceRequests: may(
    array(looseObject({ Driver: text, Count: whole, Capabilities: may(array(nullish(array(string())))) })),
  ),
  KernelMemory: whole,
  MemoryReservation: whole,
  MemorySwap: whole,
  MemorySwappiness: whole,
  OomKillDisable: flag,
  PidsLimit: whole,
  Ulimits: may(array(looseObject({ Name: text, Soft: whole, Hard: whole }))),
}

export const restartPolicy = may(looseObject({ Name: text, MaximumRetryCount: whole }))

const mount = looseObject({
  Type: text,
  Source: text,
  Target: text,
  ReadOnly: flag,
  BindOptions: may(
    looseObject({
      Propagation: text,
      NonRecursive: flag,
      CreateMountpoint: flag,
      ReadOnlyNonRecursive: flag,
      ReadOnlyForceRecursive: flag,
    }),
  ),
  VolumeOptions: may(
    looseObject({
      NoCopy: flag,
      Labels: textMap,
      DriverConfig: may(looseObject({ Name: text, Options: textMap })),
      Subpath: text,
    }),
  ),
  ImageOptions: may(looseObject({ Subpath: text })),
  TmpfsOptions: may(looseObject({ SizeBytes: whole, Mode: whole, Options: may(array(array(string()))) })),
})

/** Docker's `HostConfig`: what a container is on its host. */
export const hostConfigFields = {
  ...resourceFields,
  Binds: texts,
  LogConfig: may(looseObject({ Type: text, Config: textMap })),
  NetworkMode: text,
  PortBindings: may(record(string(), nullish(array(looseObject({ HostIp: text, HostPort: text }))))),
  RestartPolicy: restartPolicy,
  AutoRemove: flag,
  VolumeDriver: text,
  VolumesFrom: texts,
  Mounts: may(array(mount)),
  Annotations: may(record(string(), unknown())),
  CapAdd: texts,
  CapDrop: texts,
  CgroupnsMode: text,
  Dns: texts,
  DnsOptions: texts,
  DnsSearch: texts,
  ExtraHosts: texts,
  GroupAdd: texts,
  IpcMode: text,
  Cgroup: text,
  Links: texts,
  OomScoreAdj: whole,
  PidMode: text,
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: texts,
  StorageOpt: textMap,
  Tmpfs: textMap,
  UTSMode: text,
  UsernsMode: text,
  ShmSize: whole,
  Sysctls: textMap,
  Runtime: text,
  Isolation: text,
  Init: flag,
  MaskedPaths: texts,
  ReadonlyPaths: texts,
}

const hostConfig = looseObject(hostConfigFields)
const resources = looseObject(resourceFields)

export type HostConfig = InferOutput<typeof hostConfig>
export type Resources = InferOutput<typeof resources>
export type Mount = InferOutput<typeof mount>
