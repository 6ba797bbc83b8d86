import type { Readable } from 'node:stream'
import type { RunOptions } from '../spec/options.js'
import type { BuildAuth } from './build-credentials.js'

/**
 * Where the files of a build come from: a directory, a git repository (`https://host/repo.git#ref:directory`), an http URL of
 * an archive or a Dockerfile, or the bytes of one. A git repository whose URL does not say that it is one: `{ git: URL }`.
 */
export type BuildInput = string | Uint8Array | Readable | AsyncIterable<Uint8Array> | { readonly git: string }

/** A secret: a value, a file of the host, or a variable of this process's environment. Never in the image, the cache or the output. */
export interface SecretInput {
  /** As `RUN --mount=type=secret,id=` names it. */
  readonly id: string
  readonly value?: string | Uint8Array
  /** Default, without a value: the variable named like the id, if there is one. */
  readonly file?: string
  readonly env?: string
}

/** An ssh agent that steps may use. */
export interface SshInput {
  /** As `RUN --mount=type=ssh,id=` names it. Default: `default`. */
  readonly id?: string
  /** An agent's socket. Default, without keys: `SSH_AUTH_SOCK`. */
  readonly socket?: string
  /** Files of private keys, or their content; without a passphrase. */
  readonly keys?: readonly (string | Uint8Array)[]
}

/** Has secrets and agents for a build, by the ids that its RUNs mount them by; asked when a RUN needs one that was not given. */
export interface BuildLender {
  /** undefined: there is none. What it is is in no image, no cache and no output. */
  secret?(id: string, signal: AbortSignal): Promise<Uint8Array | undefined>
  /** undefined: there is none. */
  agent?(id: string, signal: AbortSignal): Promise<SshAgent | undefined>
}

/** An ssh agent, however it is reached. */
export interface SshAgent {
  /** Answers a message of the agent protocol; both are without their lengths. */
  answer(request: Uint8Array, signal: AbortSignal): Promise<Uint8Array>
}

/** What the result of a build is written to, instead of becoming an image here. */
export type OutputInput =
  /** The files, into a directory of the host. */
  | { readonly type: 'local'; readonly dest: string }
  /** The files, as a tar: a path, or a stream. */
  | { readonly type: 'tar'; readonly dest: string | NodeJS.WritableStream }
  /** An OCI layout as a tar; `tar: false`: as a directory. */
  | { readonly type: 'oci'; readonly dest: string | NodeJS.WritableStream; readonly tar?: boolean }
  /** An archive for `docker load`. */
  | { readonly type: 'docker'; readonly dest: string | NodeJS.WritableStream }
  /** An image here, by its names and these; `push`: each of them is pushed, several platforms as one list. */
  | { readonly type: 'image'; readonly name?: string | readonly string[]; readonly push?: boolean }

/** Where steps of other builds are looked for: an image's name, or more exactly. */
export type CacheFromInput =
  | string
  | { readonly type: 'registry'; readonly ref: string }
  | { readonly type: 'local'; readonly src: string }

/** Where the steps of this build are kept for others. */
export type CacheToInput =
  | { readonly type: 'inline' }
  | { readonly type: 'registry'; readonly ref: string; readonly mode?: 'min' | 'max' }
  | { readonly type: 'local'; readonly dest: string; readonly mode?: 'min' | 'max' }

/** `none`, `host`, the name of a network, or `container:NAME` for that of a container. */
export type BuildNetwork = 'default' | 'none' | 'host' | (string & {})

export type Entitlement = 'network.host' | 'security.insecure'

/** Limits of the containers of RUN: `docker build`'s options. */
export type BuildLimits = Pick<
  RunOptions,
  | 'addHost'
  | 'cgroupParent'
  | 'cpuPeriod'
  | 'cpuQuota'
  | 'cpuShares'
  | 'cpus'
  | 'cpusetCpus'
  | 'cpusetMems'
  | 'memory'
  | 'memorySwap'
  | 'shmSize'
  | 'ulimit'
>

/** Options of {@link Engine.build}: the long options of `docker build` in camelCase. */
export interface BuildOptions extends BuildLimits {
  /** Names for the image. */
  readonly tag?: readonly string[]
  /** The Dockerfile: a path in the context, or an absolute one of the host. Default: `Dockerfile`. */
  readonly file?: string
  /** The Dockerfile's text, instead of a file. */
  readonly dockerfile?: string | Uint8Array
  readonly buildArg?: Readonly<Record<string, string | undefined>>
  /** The stage that is wanted. Default: the last. */
  readonly target?: string
  /** `linux/arm64`; an array makes an array of images, one for each. Default: this host's. */
  readonly platform?: string | readonly string[]
  readonly label?: Readonly<Record<string, string>>
  /** Of the image's manifest: `key`, or `manifest:key`, `index:key`. */
  readonly annotation?: Readonly<Record<string, string>>
  /** Every step is done, also if it was done before. */
  readonly noCache?: boolean
  /** Every step of these stages is. */
  readonly noCacheFilter?: readonly string[]
  /** Registries are asked for newer base images. */
  readonly pull?: boolean
  /**
   * Credentials for registries, of this build alone: by host, or a function that is asked for them. Default: what `login()` has
   * stored.
   */
  readonly auth?: BuildAuth
  readonly cacheFrom?: readonly CacheFromInput[]
  readonly cacheTo?: readonly CacheToInput[]
  /** Further contexts by name: a directory, a git or http URL, or `docker-image://NAME`. */
  readonly buildContext?: Readonly<Record<string, string>>
  readonly secret?: readonly SecretInput[]
  readonly ssh?: readonly SshInput[]
  /** Asked for the secrets and agents that `secret` and `ssh` do not have. Default: there are no others. */
  readonly lender?: BuildLender
  /** Of RUN without `--network`. Default: `default`, the bridge. */
  readonly network?: BuildNetwork
  /** What RUN may ask for. Default: nothing. */
  readonly allow?: readonly Entitlement[]
  readonly output?: OutputInput
  /** The image's ID is written to this file. */
  readonly iidfile?: string
  /** The layers that the build adds become one. */
  readonly squash?: boolean
  /** Seconds since 1970: nothing in the result is newer, and the same input makes the same digests. Default: the build argument of that name. */
  readonly sourceDateEpoch?: number
  /** How many steps are done at once. Default: 4. */
  readonly parallelism?: number
  /** Stops the build; nothing of it is left but the steps that were done. */
  readonly signal?: AbortSignal
}

/** A build as data. */
export interface BuildRequest {
  readonly context: BuildInput | undefined
  readonly options: BuildOptions
}
