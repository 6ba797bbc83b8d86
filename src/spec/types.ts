/**
 * The OCI runtime specification's `config.json` (v1.2), the part that inboard produces.
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config.md
 */
export interface Spec {
  readonly ociVersion: string
  readonly process: Process
  readonly root: { readonly readonly: boolean }
  readonly hostname: string
  readonly domainname?: string
  readonly mounts: readonly Mount[]
  readonly linux: Linux
}

export interface Process {
  readonly terminal: boolean
  readonly consoleSize?: { readonly height: number; readonly width: number }
  readonly user: {
    readonly uid: number
    readonly gid: number
    readonly additionalGids: readonly number[]
    readonly umask: number
  }
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly capabilities: Capabilities
  readonly rlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[]
  readonly noNewPrivileges: boolean
  readonly oomScoreAdj: number
}

/** Capability sets by name (`CAP_CHOWN`). */
export interface Capabilities {
  readonly bounding: readonly string[]
  readonly effective: readonly string[]
  readonly permitted: readonly string[]
  readonly inheritable: readonly string[]
  readonly ambient: readonly string[]
}

export interface Mount {
  readonly destination: string
  /** A filesystem type, `bind`, or `image`. */
  readonly type: string
  readonly source: string
  /** What of the source is mounted, resolved inside of it; none: all. Of binds and images only. */
  readonly subpath?: string
  /** Mount options by their mount(8) names, then the filesystem's own (`mode=755`). */
  readonly options: readonly string[]
}

export interface Linux {
  readonly namespaces: readonly { readonly type: NamespaceType; readonly path?: string }[]
  readonly sysctl: Readonly<Record<string, string>>
  readonly devices: readonly Device[]
  readonly resources: Resources
  readonly maskedPaths: readonly string[]
  readonly readonlyPaths: readonly string[]
  readonly seccomp?: Seccomp
}

export type NamespaceType = 'mount' | 'pid' | 'uts' | 'ipc' | 'network' | 'cgroup' | 'user'

/** A device node to be made in the container's /dev. */
export interface Device {
  readonly path: string
  readonly type: 'c' | 'b'
  readonly major: number
  readonly minor: number
  /** Permission bits. */
  readonly fileMode: number
  readonly uid: number
  readonly gid: number
}

export interface DeviceRule {
  readonly allow: boolean
  readonly type?: 'a' | 'c' | 'b'
  readonly major?: number
  readonly minor?: number
  /** A subset of `rwm`. */
  readonly access: string
}

export interface Resources {
  /** Only when it differs from the default list (then complete). */
  readonly devices?: readonly DeviceRule[]
  readonly memory?: {
    readonly limit?: number
    readonly swap?: number
    readonly reservation?: number
    readonly swappiness?: number
    readonly disableOOMKiller?: boolean
  }
  readonly cpu?: {
    readonly shares?: number
    readonly quota?: number
    readonly period?: number
    readonly cpus?: string
    readonly mems?: string
  }
  readonly pids?: { readonly limit: number }
  readonly blockIO?: BlockIo
}

export interface BlockIo {
  readonly weight?: number
  readonly weightDevice?: readonly (BlockDevice & { readonly weight: number })[]
  readonly throttleReadBpsDevice?: readonly Throttle[]
  readonly throttleWriteBpsDevice?: readonly Throttle[]
  readonly throttleReadIOPSDevice?: readonly Throttle[]
  readonly throttleWriteIOPSDevice?: readonly Throttle[]
}

export interface BlockDevice {
  readonly major: number
  readonly minor: number
}

export interface Throttle extends BlockDevice {
  /** Bytes or operations a second. */
  readonly rate: number
}

export type SeccompAction =
  | 'SCMP_ACT_KILL'
  | 'SCMP_ACT_KILL_PROCESS'
  | 'SCMP_ACT_KILL_THREAD'
  | 'SCMP_ACT_TRAP'
  | 'SCMP_ACT_ERRNO'
  | 'SCMP_ACT_TRACE'
  | 'SCMP_ACT_ALLOW'
  | 'SCMP_ACT_LOG'

export interface Seccomp {
  readonly defaultAction: SeccompAction
  readonly defaultErrnoRet?: number
  readonly architectures: readonly string[]
  readonly syscalls: readonly SeccompRule[]
}

export interface SeccompRule {
  readonly names: readonly string[]
  readonly action: SeccompAction
  readonly errnoRet?: number
  readonly args?: readonly {
    readonly index: number
    readonly value: number
    readonly valueTwo?: number
    readonly op: string
  }[]
}
