import type { RunOptions } from '../../spec/options.js'
import { ApiError } from '../failures.js'
import type { HostConfig } from './host-config.js'
import { given, unlessEmpty, unlessZero } from './schemas.js'

/** What `HostConfig` asks for, but for limits, mounts and networks. */
export function hostOptions(host: HostConfig): RunOptions {
  refuseUnknown(host)
  return given({
    capAdd: host.CapAdd,
    capDrop: host.CapDrop,
    privileged: host.Privileged,
    readOnly: host.ReadonlyRootfs,
    securityOpt: host.SecurityOpt,
    maskedPaths: host.MaskedPaths,
    readonlyPaths: host.ReadonlyPaths,
    groupAdd: host.GroupAdd,
    sysctl: host.Sysctls,
    init: host.Init,
    rm: host.AutoRemove,
    restart: restart(host.RestartPolicy),
    logDriver: unlessEmpty(host.LogConfig?.Type),
    logOpt: host.LogConfig?.Config,
    shmSize: unlessZero(host.ShmSize),
    pid: unlessEmpty(host.PidMode),
    ipc: unlessEmpty(host.IpcMode),
    uts: unlessEmpty(host.UTSMode),
    cgroupns: unlessEmpty(host.CgroupnsMode),
    oomScoreAdj: host.OomScoreAdj,
  }) as RunOptions
}

export function restart(policy: HostConfig['RestartPolicy']): RunOptions['restart'] {
  if (!policy?.Name) return undefined
  return { name: policy.Name as 'no', maximumRetryCount: policy.MaximumRetryCount ?? 0 }
}

const runtimes = ['', 'runc', 'io.containerd.runc.v2', 'inboard']

/** What only other platforms, or other runtimes, have. */
function refuseUnknown({ Runtime = '', Isolation = '', UsernsMode = '', StorageOpt = {} }: HostConfig): void {
  if (!runtimes.includes(Runtime)) throw new ApiError(400, `Unknown runtime specified ${Runtime}`)
  if (Isolation !== '' && Isolation !== 'default')
    throw new ApiError(400, `invalid isolation '${Isolation}' on linux: leave it out`)
  if (UsernsMode !== '' && UsernsMode !== 'host') throw new ApiError(400, 'invalid USER mode')
  if (Object.keys(StorageOpt).length > 0)
    throw new ApiError(400, '--storage-opt is not supported: there are no quotas for the files of a container')
}
