import type { ConnectOptions } from './connect-options.js'
import type { LogConfig, LogOptionsInput } from './log.js'
import type { SeccompProfile } from './seccomp/profile.js'

/**
 * What the builder gathers: `docker run`'s long options in camelCase, as given. `normalizeOptions` checks them and fills
 * every default; nothing downstream has a default.
 */
export interface RunOptions {
  readonly name?: string
  readonly entrypoint?: string | readonly string[]
  readonly env?: EnvInput
  readonly envFile?: string | readonly string[]
  readonly user?: string
  readonly workdir?: string
  readonly hostname?: string
  readonly domainname?: string
  readonly tty?: boolean
  readonly interactive?: boolean
  /** Which streams its creator means to be attached to; default: all that it has, none of a container that is started detached. */
  readonly attach?: readonly ('stdin' | 'stdout' | 'stderr')[]
  /** Its input ends with that of the first who is attached to it. Default: when it is interactive, and not started detached. */
  readonly stdinOnce?: boolean
  readonly readOnly?: boolean
  readonly tmpfs?: readonly (string | { readonly target: string; readonly options?: string })[]
  /** Docker's `-v` strings: `/container`, `name:/container[:opts]`, `/host:/container[:opts]`. */
  readonly volume?: readonly string[]
  readonly mount?: readonly MountInput[]
  /** `--volumes-from`: `container[:ro|rw|z|Z]`. */
  readonly volumesFrom?: readonly string[]
  /** The driver of volumes that `volume` and the image make. Default: `local`. */
  readonly volumeDriver?: string
  /** `'bridge'` (the default), `'host'`, `'none'`, `'container:NAME'`, or the name or id of a network. */
  readonly network?: string
  /** Further networks, beside one that was made by a user. */
  readonly networks?: readonly NetworkInput[]
  /** `-p`: `[[ip:][hostPort]:]port[/protocol]`, with ranges; or objects. */
  readonly publish?: readonly (string | number | PortInput)[]
  /** `-P`: every exposed port gets a free one of the host. */
  readonly publishAll?: boolean
  /** `--expose`: `port[-port][/protocol]`. */
  readonly expose?: readonly (string | number)[]
  /** `--link`: `container[:alias]`. */
  readonly link?: readonly (string | LinkInput)[]
  /** Further names on a user-defined network. */
  readonly networkAlias?: readonly string[]
  readonly ip?: string
  readonly ip6?: string
  readonly macAddress?: string
  readonly capAdd?: readonly string[]
  readonly capDrop?: readonly string[]
  readonly privileged?: boolean
  /** Docker's strings (`no-new-privileges`, `seccomp=unconfined`, `seccomp=` and a profile's JSON text), or a profile as an object. */
  readonly securityOpt?: readonly (string | { readonly seccomp: SeccompProfile })[]
  /** Paths below /proc and /sys that show nothing. Default: Docker's. */
  readonly maskedPaths?: readonly string[]
  /** Paths below /proc and /sys that cannot be written to. Default: Docker's. */
  readonly readonlyPaths?: readonly string[]
  /** Bytes, or a string such as `'64m'`. */
  readonly memory?: number | string
  readonly memorySwap?: number | string
  readonly memoryReservation?: number | string
  /** 0 to 100; -1 or absent: the host's. cgroup v1 only. */
  readonly memorySwappiness?: number
  readonly oomKillDisable?: boolean
  readonly cpus?: number | string
  readonly cpuShares?: number
  readonly cpuPeriod?: number
  readonly cpuQuota?: number
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  readonly pidsLimit?: number
  /** Relative weight of block I/O, 10 to 1000; 0: none. */
  readonly blkioWeight?: number
  readonly blkioWeightDevice?: readonly DeviceWeightInput[]
  readonly deviceReadBps?: readonly DeviceRateInput[]
  readonly deviceWriteBps?: readonly DeviceRateInput[]
  readonly deviceReadIops?: readonly DeviceRateInput[]
  readonly deviceWriteIops?: readonly DeviceRateInput[]
  readonly ulimit?: readonly (string | { readonly name: string; readonly soft: number; readonly hard?: number })[]
  /** `/dev/x[:/dev/y[:rwm]]` */
  readonly device?: readonly (
    | string
    | { readonly hostPath: string; readonly containerPath?: string; readonly permissions?: string }
  )[]
  /** Rules of the device cgroup: `'c 13:* rmw'`. */
  readonly deviceCgroupRule?: readonly string[]
  /** The cgroup that the container's own is made in, from the root of each hierarchy. Default: one of the engine's. */
  readonly cgroupParent?: string
  readonly sysctl?: Readonly<Record<string, string>> | readonly string[]
  readonly label?: Readonly<Record<string, string>> | readonly string[]
  readonly init?: boolean
  readonly rm?: boolean
  /** It ends and is removed with the process that makes it, however that ends; implies `rm`. Default false. */
  readonly ephemeral?: boolean
  /** `'json-file'` (the default), `'local'`, `'none'`, or one that the engine was given. */
  readonly logDriver?: string
  /** Its options: `'max-size=10m'`, or an object; each is added to those before. */
  readonly logOpt?: LogOptionsInput | readonly (string | LogOptionsInput)[]
  /** Whether it is started again when it has ended. Default: `'no'`. */
  readonly restart?: RestartInput
  /** The key by which it is found again, by whatever process: awaiting gives the one that is there. */
  readonly reuse?: string
  readonly shmSize?: number | string
  readonly stopSignal?: string
  /** Seconds. */
  readonly stopTimeout?: number
  readonly groupAdd?: readonly string[]
  readonly addHost?: readonly string[]
  readonly dns?: readonly string[]
  readonly dnsSearch?: readonly string[]
  readonly dnsOption?: readonly string[]
  /** `'host'` or `'container:NAME'`. */
  readonly pid?: string
  /** `'private'` (the default), `'shareable'`, `'none'`, `'host'` or `'container:NAME'`. */
  readonly ipc?: string
  readonly uts?: string
  readonly cgroupns?: 'private' | 'host'
  readonly oomScoreAdj?: number
  /** `linux/architecture[/variant]`; default: this host's, or what the image is for. */
  readonly platform?: string
  readonly healthcheck?: HealthcheckInput
  /** No health checks, whatever the image says. */
  readonly noHealthcheck?: boolean
  /** When the image is pulled first: when it is `'missing'` here (the default), `'always'`, or `'never'`. */
  readonly pull?: PullPolicy
}

/** One more network of a container, and what it asks of its place there. */
export interface NetworkInput extends ConnectOptions {
  /** A network's name or id. */
  readonly network: string
  readonly macAddress?: string
}

/** A published port as an object. */
export interface PortInput {
  /** The container's; a number or a range `'8000-8010'`. */
  readonly port: number | string
  /** The host's; a number or a range. Default: any free one. */
  readonly hostPort?: number | string
  /** Default: all of the host's, of both families. */
  readonly hostAddress?: string
  readonly protocol?: 'tcp' | 'udp' | 'sctp'
}

/** `'no'`, `'on-failure'`, `'on-failure:3'`, `'always'` or `'unless-stopped'`; or an object. */
export type RestartInput = string | { readonly name: RestartPolicy['name']; readonly maximumRetryCount?: number }

/** When a program that has ended is started again. */
export interface RestartPolicy {
  readonly name: 'no' | 'always' | 'on-failure' | 'unless-stopped'
  /** How often in a row `on-failure` tries; 0: any number of times. */
  readonly maximumRetryCount: number
}

/** How a container's health is checked. What is left out is as the image has it, and where that has none, Docker's default. */
export interface HealthcheckInput {
  /**
   * A command for the image's shell, or Docker's form: `['CMD', program, ...]`, `['CMD-SHELL', command]`, `['NONE']`. It
   * succeeds with exit code 0.
   */
  readonly test?: string | readonly string[]
  /** Between two checks, and before the first: ms, or a string such as `'1m30s'`. Default 30 s. */
  readonly interval?: number | string
  /** How long a check may take. It is killed then; what it has started is not, as Docker has it. Default 30 s. */
  readonly timeout?: number | string
  /** How many failures in a row make the container unhealthy. Default 3. */
  readonly retries?: number
  /** How long after its start failures do not count, until the first success. Default 0. */
  readonly startPeriod?: number | string
  /** The interval during that time. Default 5 s. */
  readonly startInterval?: number | string
}

/** A linked container as an object. */
export interface LinkInput {
  readonly container: string
  /** Default: its name. */
  readonly alias?: string
}

/** `/dev/path:weight`, or an object. */
export type DeviceWeightInput = string | { readonly path: string; readonly weight: number }

/** `/dev/path:rate`, or an object. Rates of bytes may have a unit: `'1mb'`. */
export type DeviceRateInput = string | { readonly path: string; readonly rate: number | string }

export type PullPolicy = 'missing' | 'always' | 'never'

/** By name, or `NAME=value`. A name without a value has that of this process; null takes away what the image has. */
export type EnvInput = Readonly<Record<string, string | number | boolean | null | undefined>> | readonly string[]

/** `--mount` in object form. */
export type MountInput =
  | {
      readonly type: 'bind'
      readonly source: string
      readonly target: string
      readonly readOnly?: boolean
      readonly propagation?: Propagation
      /** How the mounts below the source are treated. Default `'enabled'`. */
      readonly recursive?: BindRecursion
      /** Make a directory where the source is missing, as `volume` does. Default false. */
      readonly createSource?: boolean
    }
  | {
      readonly type: 'volume'
      /** The volume's name; absent: an anonymous one. */
      readonly source?: string
      readonly target: string
      readonly readOnly?: boolean
      readonly volumeOptions?: VolumeMountOptions
    }
  | {
      readonly type: 'image'
      /** A reference or an image ID. */
      readonly source: string
      readonly target: string
      readonly imageOptions?: { readonly subpath?: string }
    }
  | {
      readonly type: 'tmpfs'
      readonly target: string
      readonly readOnly?: boolean
      readonly tmpfsOptions?: { readonly size?: number | string; readonly mode?: number }
    }

export interface VolumeMountOptions {
  /** Leave an empty volume empty. */
  readonly noCopy?: boolean
  /** Of the volume, where it is made. */
  readonly labels?: Readonly<Record<string, string>>
  /** Default `'local'`. */
  readonly driver?: string
  readonly driverOptions?: Readonly<Record<string, string>>
  /** A part of the volume, which must exist; relative, resolved inside the volume. */
  readonly subpath?: string
}

/**
 * How a bind treats the mounts below its source, as Docker's `bind-recursive` does: they come along, and `readOnly` is for
 * them as well where the kernel can (`'enabled'`); they do not come along (`'disabled'`); they come along and stay as they are
 * (`'writable'`); they come along read-only, or the container does not start (`'readonly'`).
 */
export type BindRecursion = 'enabled' | 'disabled' | 'writable' | 'readonly'

export type Propagation = 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave'

/** The options, checked and complete; JSON-serialisable: this is what the store keeps for a container. */
export interface ContainerConfig {
  readonly image: string
  /** `linux/architecture[/variant]`, when one was asked for. */
  readonly platform?: string
  /** undefined: the image's. An empty array: none at all (`--entrypoint ""`). */
  readonly entrypoint?: readonly string[]
  readonly command: readonly string[]
  /** `NAME=value`; from env files first, then `env`. */
  readonly env: readonly string[]
  /** '' : the image's. */
  readonly user: string
  /** '' : the image's. */
  readonly workdir: string
  /** '' : the short id (or the host's with network or uts `host`). */
  readonly hostname: string
  readonly domainname: string
  readonly tty: boolean
  readonly interactive: boolean
  /** Whoever made it meant to be attached to it (not `docker run --detach`): the end of his input is the program's. */
  readonly attached: boolean
  /** Absent: all that it has when it is `attached`, else none. */
  readonly attachedTo?: readonly string[]
  /** Absent: when it is interactive and attached. */
  readonly stdinOnce?: boolean
  readonly readOnly: boolean
  readonly mounts: readonly ConfiguredMount[]
  /** Whose volumes it takes, as they were given. */
  readonly volumesFrom: readonly string[]
  /** '' : `local`. */
  readonly volumeDriver: string
  /** `'bridge'`, `'host'`, `'none'`, `'container:NAME'`, or a network's name or id as it was given. */
  readonly network: string
  /** What is published; single ports of the container, ranges expanded. */
  readonly ports: readonly PortBinding[]
  readonly publishAll: boolean
  /** `--expose` and the published ones: `'80/tcp'`; the image's are added where they are used. */
  readonly exposedPorts: readonly string[]
  /** As they were given; which network they are of is told by `network`. */
  readonly links: readonly { readonly container: string; readonly alias: string }[]
  readonly networkAliases: readonly string[]
  readonly ip?: string
  readonly ip6?: string
  readonly macAddress?: string
  /** Further networks, as they were given; absent: none. */
  readonly networks?: readonly ConfiguredNetwork[]
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly privileged: boolean
  readonly security: {
    readonly noNewPrivileges: boolean /** undefined: Docker's default profile. */
    readonly seccomp?: 'unconfined' | SeccompProfile
    readonly systemPathsUnconfined: boolean
    /** Absent: Docker's, or with `systemPathsUnconfined` none. */
    readonly maskedPaths?: readonly string[]
    readonly readonlyPaths?: readonly string[]
  }
  readonly resources: {
    readonly memory?: number
    readonly memorySwap?: number
    readonly memoryReservation?: number
    readonly memorySwappiness?: number
    readonly oomKillDisable?: boolean
    readonly cpuShares?: number
    readonly cpuPeriod?: number
    readonly cpuQuota?: number
    /** What `cpus` asked for: then period and quota follow from it. */
    readonly nanoCpus?: number
    readonly cpusetCpus?: string
    readonly cpusetMems?: string
    readonly pidsLimit?: number
    readonly blkioWeight?: number
    readonly blkioWeightDevice?: readonly { readonly path: string; readonly weight: number }[]
    readonly deviceReadBps?: readonly DeviceRate[]
    readonly deviceWriteBps?: readonly DeviceRate[]
    readonly deviceReadIops?: readonly DeviceRate[]
    readonly deviceWriteIops?: readonly DeviceRate[]
  }
  readonly deviceCgroupRules: readonly string[]
  /** From the root of each hierarchy; '' : the engine's. */
  readonly cgroupParent: string
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[]
  readonly devices: readonly {
    readonly hostPath: string
    readonly containerPath: string
    readonly permissions: string
  }[]
  readonly sysctls: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly init: boolean
  readonly rm: boolean
  /** It belongs to the process that has made it. */
  readonly ephemeral?: true
  readonly restartPolicy: RestartPolicy
  readonly log: LogConfig
  readonly shmSize: number
  readonly stopSignal?: string
  readonly stopTimeout?: number
  readonly groupAdd: readonly string[]
  readonly extraHosts: readonly string[]
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
  /** `'private'`, `'host'`, or `'container:NAME'` with the name as it was given. */
  readonly pidMode: string
  /** `'private'`, `'shareable'`, `'none'`, `'host'`, or `'container:NAME'`. */
  readonly ipcMode: string
  readonly utsMode: 'private' | 'host'
  readonly cgroupnsMode: 'private' | 'host'
  /** Absent: as the image has it. Empty and 0 likewise. */
  readonly healthcheck?: {
    readonly test: readonly string[]
    readonly intervalMs: number
    readonly timeoutMs: number
    readonly startPeriodMs: number
    readonly startIntervalMs: number
    readonly retries: number
  }
  readonly oomScoreAdj: number
}

/** One more network of a container. */
export interface ConfiguredNetwork {
  readonly network: string
  readonly settings: {
    readonly ip?: string
    readonly ip6?: string
    readonly mac?: string
    readonly aliases: readonly string[]
    readonly links: readonly { readonly container: string; readonly alias: string }[]
    readonly driverOptions?: Readonly<Record<string, string>>
  }
}

/** Bytes or operations a second, of a block device of the host. */
export interface DeviceRate {
  readonly path: string
  readonly rate: number
}

/** A port of the container that shall be published. */
export interface PortBinding {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  /** The container's. */
  readonly port: number
  /** '' : the network's `host_binding_ipv4`, by default all addresses of both families. */
  readonly hostAddress: string
  /** The host's, from and to: the first free one of them; 0 and 0: any free one of the ephemeral range. */
  readonly hostPort: readonly [first: number, last: number]
}

/** A mount that was asked for. By which option, tells `syntax`: inspect shows it there again. */
export type ConfiguredMount = ConfiguredBind | ConfiguredVolume | ConfiguredImage | ConfiguredTmpfs

export interface ConfiguredBind {
  readonly type: 'bind'
  readonly syntax: 'volume' | 'mount'
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
  /** `-v`'s third part as it was given. */
  readonly mode: string
  readonly propagation: Propagation
  /** Make a missing host directory, as `-v` does. */
  readonly createSource: boolean
  readonly recursive: BindRecursion
}

export interface ConfiguredVolume {
  readonly type: 'volume'
  readonly syntax: 'volume' | 'mount'
  /** '' : anonymous. */
  readonly name: string
  readonly target: string
  readonly readOnly: boolean
  /** `-v`'s third part as it was given. */
  readonly mode: string
  readonly noCopy: boolean
  readonly labels: Readonly<Record<string, string>>
  /** '' : `volumeDriver`, or `local`. */
  readonly driver: string
  readonly driverOptions: Readonly<Record<string, string>>
  readonly subpath: string
}

export interface ConfiguredImage {
  readonly type: 'image'
  readonly syntax: 'mount'
  /** As it was given. */
  readonly source: string
  readonly target: string
  readonly subpath: string
}

export interface ConfiguredTmpfs {
  readonly type: 'tmpfs'
  readonly syntax: 'tmpfs' | 'mount'
  readonly target: string
  readonly readOnly: boolean
  /** Docker's defaults, with what was given over them. */
  readonly options: readonly string[]
  /** As they were given. */
  readonly given: string
}

/** The `config` object of an OCI or Docker image configuration, the part that matters when a container is made. */
export interface ImageRunConfig {
  readonly User?: string
  readonly Env?: readonly string[] | null
  readonly Entrypoint?: readonly string[] | null
  readonly Cmd?: readonly string[] | null
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>> | null
  readonly StopSignal?: string
  readonly StopTimeout?: number
  readonly ExposedPorts?: Readonly<Record<string, object>> | null
  readonly Volumes?: Readonly<Record<string, object>> | null
  /** Instructions for builds on top of the image. */
  readonly OnBuild?: readonly string[] | null
  readonly Healthcheck?: ImageHealthcheck | null
  /** What runs commands in shell form; `/bin/sh -c` by default. */
  readonly Shell?: readonly string[] | null
}

/** How an image wants its containers to be checked. Times are nanoseconds, as in Docker's configuration. */
export interface ImageHealthcheck {
  /** `['NONE']`, `['CMD', program, ...]` or `['CMD-SHELL', command]`; empty: inherited. */
  readonly Test?: readonly string[] | null
  readonly Interval?: number
  readonly Timeout?: number
  readonly StartPeriod?: number
  readonly StartInterval?: number
  readonly Retries?: number
}
