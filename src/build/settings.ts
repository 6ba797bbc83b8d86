import type { BuildContext, OpenDownload } from './context/index.js'

/** What is given to a build as a value, or as a file of the host. */
export type SecretSource = { readonly value: Uint8Array } | { readonly file: string }

/**
 * An agent that is forwarded: its socket, one of the build's own that has these private keys (PEM or OpenSSH), or whatever answers
 * messages of the agent protocol, given and taken without their lengths.
 */
export type SshSource =
  | { readonly socket: string }
  | { readonly keys: readonly Uint8Array[] }
  | { answer(request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> }

/** What a build is given, by ids: a map, or somebody who is asked when it is needed. */
export interface GivenById<Source> {
  get(id: string): Source | undefined | Promise<Source | undefined>
  /** How many are known before anyone asks. */
  readonly size: number
}

/** What all steps of a build share. */
export interface BuildSettings {
  readonly secrets: GivenById<SecretSource>
  readonly ssh: GivenById<SshSource>
  /** Of RUN without `--network`: `default`, `none`, `host`, or another of a container's. */
  readonly network: string
  /** `--add-host`: what names are is part of what RUN sees. */
  readonly hosts: readonly string[]
  /** What RUN may ask for. */
  readonly entitlements: ReadonlySet<'network.host' | 'security.insecure'>
  /** Seconds since the epoch: no file is newer. */
  readonly epoch: number | undefined
  /** Gets what ADD has a URL of. */
  readonly download: OpenDownload
  /** The main context; opened when it is first asked for. */
  context(): Promise<BuildContext>
  /** `--build-context` by name: one of files. */
  namedContext(name: string): Promise<BuildContext> | undefined
}
