import type { RunOptions } from '../../spec/options.js'
import { ApiError } from '../failures.js'
import type { Resources } from './host-config.js'
import { given, unlessEmpty, unlessZero } from './schemas.js'

/** Limits of a container that is made. */
export function resourceOptions(asked: Resources): RunOptions {
  refuseDeviceRequests(asked)
  return {
    ...limitOptions(asked),
    ...(given({
      cgroupParent: unlessEmpty(asked.CgroupParent),
      memorySwappiness: asked.MemorySwappiness,
      oomKillDisable: asked.OomKillDisable,
      blkioWeightDevice: asked.BlkioWeightDevice?.map(({ Path = '', Weight = 0 }) => ({ path: Path, weight: Weight })),
      deviceReadBps: rates(asked.BlkioDeviceReadBps),
      deviceWriteBps: rates(asked.BlkioDeviceWriteBps),
      deviceReadIops: rates(asked.BlkioDeviceReadIOps),
      deviceWriteIops: rates(asked.BlkioDeviceWriteIOps),
      ulimit: asked.Ulimits?.map(({ Name = '', Soft = 0, Hard = 0 }) => ({ name: Name, soft: Soft, hard: Hard })),
      device: asked.Devices?.map(device),
      deviceCgroupRule: asked.DeviceCgroupRules,
    }) as RunOptions),
  }
}

/** Those that can be changed later. Zero is nothing said. */
export function limitOptions(asked: Resources) {
  return given({
    memory: unlessZero(asked.Memory),
    memorySwap: unlessZero(asked.MemorySwap),
    memoryReservation: unlessZero(asked.MemoryReservation),
    cpus: asked.NanoCpus ? asked.NanoCpus / 1e9 : undefined,
    cpuShares: unlessZero(asked.CpuShares),
    cpuPeriod: unlessZero(asked.CpuPeriod),
    cpuQuota: unlessZero(asked.CpuQuota),
    cpusetCpus: unlessEmpty(asked.CpusetCpus),
    cpusetMems: unlessEmpty(asked.CpusetMems),
    pidsLimit: asked.PidsLimit,
    blkioWeight: unlessZero(asked.BlkioWeight),
  })
}

const rates = (devices: Resources['BlkioDeviceReadBps']) =>
  devices?.map(({ Path = '', Rate = 0 }) => ({ path: Path, rate: Rate }))

function device({ PathOnHost = '', PathInContainer, CgroupPermissions }: NonNullable<Resources['Devices']>[number]) {
  return {
    hostPath: PathOnHost,
    ...(PathInContainer ? { containerPath: PathInContainer } : {}),
    ...(CgroupPermissions ? { permissions: CgroupPermissions } : {}),
  }
}

/** Drivers of devices are programs of their vendors, which only runc knows to call. */
function refuseDeviceRequests({ DeviceRequests = [] }: Resources): void {
  const [first] = DeviceRequests
  if (!first) return
  const kinds = (first.Capabilities ?? []).map((names) => `[${(names ?? []).join(' ')}]`).join(' ')
  throw new ApiError(
    400,
    `could not select device driver "${first.Driver ?? ''}" with capabilities: [${kinds}]: give the device nodes with Devices`,
  )
}
