import type { VolumePoint } from '../spec/mount-point.js'
import type { ImageRunConfig } from '../spec/options.js'
import { processArgs } from '../spec/process.js'

import type { ContainerRecord } from '../store/containers.js'
import { exposedPortsOf, type InspectConfig, inspectConfig } from './inspect-config.js'
import { type InspectHostConfig, inspectHostConfig } from './inspect-host-config.js'
import { type InspectMount, inspectMounts } from './inspect-mounts.js'
import { type InspectNetworkSettings, inspectNetworkSettings } from './inspect-network.js'
import {
  type ContainerHealth,
  type ContainerState,
  inspectState,
  lifeOf,
  restartCount,
  type Settled,
} from './inspect-state.js'
import type { ContainerNetworking } from './networking.js'

/** `docker inspect` of a container: Docker's field names and forms. */
export interface ContainerInspect {
  readonly Id: string
  /** RFC 3339. */
  readonly Created: string
  readonly Path: string
  readonly Args: readonly string[]
  readonly State: ContainerState
  /** The image's ID. */
  readonly Image: string
  /** On the host, while it runs; '' before its first start. */
  readonly ResolvConfPath: string
  readonly HostnamePath: string
  readonly HostsPath: string
  /** '' before its first start, and where there is no file. */
  readonly LogPath: string
  /** With a leading slash. */
  readonly Name: string
  /** How often its supervisor has started it again, since somebody did. */
  readonly RestartCount: number
  readonly Driver: string
  readonly Platform: 'linux'
  readonly MountLabel: ''
  readonly ProcessLabel: ''
  readonly AppArmorProfile: ''
  /** Processes that were started in it and have not ended; null: none. */
  readonly ExecIDs: readonly string[] | null
  readonly HostConfig: InspectHostConfig
  readonly GraphDriver: ContainerGraphDriver
  /** Bytes of the files that it has made or changed; where sizes were asked for. */
  readonly SizeRw?: number
  /** The same together with its image's. */
  readonly SizeRootFs?: number
  readonly Mounts: readonly InspectMount[]
  readonly Config: InspectConfig
  readonly NetworkSettings: InspectNetworkSettings
}

/** Where its files are on the host. */
export interface ContainerGraphDriver {
  readonly Name: string
  /** Of driver `overlay`; null of others. `MergedDir` is mounted inside the container's mount namespace only. */
  readonly Data: {
    readonly LowerDir: string
    readonly MergedDir: string
    readonly UpperDir: string
    readonly WorkDir: string
  } | null
}

/** What inspect tells beside the record. */
export interface InspectFacts {
  readonly observed: Settled
  readonly health: ContainerHealth | undefined
  readonly image: ImageRunConfig
  readonly graphDriver: ContainerGraphDriver
  readonly execIds: readonly string[]
  readonly root: string
  readonly runRoot: string
  /** The host's. */
  readonly hostname: string
  readonly networking: ContainerNetworking
  /** The directory of a volume's files. */
  mountpointOf(point: VolumePoint): string
}

export function inspectContainer(record: ContainerRecord, facts: InspectFacts): ContainerInspect {
  const { config, id } = record
  const { observed, image, graphDriver, execIds, networking } = facts
  const state = inspectState(lifeOf(record.outcome, observed), facts.health)
  const [path = '', ...args] = processArgs(config, image)
  return {
    Id: id,
    Created: new Date(record.createdAtMs).toISOString(),
    Path: path,
    Args: args,
    State: state,
    Image: record.image,
    ...filesOf(record, facts),
    Name: `/${record.name}`,
    RestartCount: restartCount(record.outcome, observed),
    Driver: graphDriver.Name,
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: execIds.length > 0 ? execIds : null,
    HostConfig: inspectHostConfig(config, record.name, networking),
    GraphDriver: graphDriver,
    Mounts: inspectMounts(record.mounts, facts.mountpointOf),
    Config: inspectConfig(record, image, hostnameOf(record, facts)),
    NetworkSettings: inspectNetworkSettings(
      {
        id,
        name: record.name,
        hostname: config.hostname,
        pid: state.Pid,
        exposedPorts: exposedPortsOf(config, image),
      },
      networking,
    ),
  }
}

function hostnameOf({ id, config }: ContainerRecord, { hostname }: Pick<InspectFacts, 'hostname'>): string {
  if (config.hostname) return config.hostname
  return config.network === 'host' || config.utsMode === 'host' ? hostname : id.slice(0, 12)
}

/** None of them is there before the first start. */
function filesOf({ id, attempt, config }: ContainerRecord, { root, runRoot }: Pick<InspectFacts, 'root' | 'runRoot'>) {
  if (attempt === 0) return { ResolvConfPath: '', HostnamePath: '', HostsPath: '', LogPath: '' }
  const directory = `${runRoot}/${id}`
  return {
    ResolvConfPath: `${directory}/resolv.conf`,
    HostnamePath: `${directory}/hostname`,
    HostsPath: `${directory}/hosts`,
    LogPath: config.log.driver === 'json-file' ? `${root}/containers/${id}/${id}-json.log` : '',
  }
}
