import type { Architecture } from './seccomp/resolve.js'
import type { Device } from './types.js'

/** What the engine knows about its host and itself, as far as it shapes a container. */
export interface HostFacts {
  /** What the engine may give: the intersection of its own permitted and bounding sets, a bit for each capability. */
  readonly capabilities: bigint
  readonly arch: Architecture
  /** `uname -r` */
  readonly kernel: string
  readonly hostname: string
  readonly cgroupNamespaces: boolean
  /** The engine's own hard limits by name (`RLIMIT_NOFILE`), -1 being unlimited. What is missing counts as unlimited. */
  readonly hardLimits: Readonly<Record<string, number>>
  /** The engine's own oom_score_adj. */
  readonly oomScoreAdj: number
  /** A program on the host that can be pid 1 (docker-init, tini, catatonit); undefined: there is none. */
  readonly initPath?: string
}

/** A device node of the host, as it shall be in the container. */
export interface ResolvedDevice extends Device {
  /** A subset of `rwm`. */
  readonly permissions: string
}
