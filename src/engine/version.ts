import { release } from 'node:os'
import { packageVersion } from '../host/index.js'

/** `docker version`: Docker's fields, about this package. */
export interface EngineVersion {
  readonly Platform: { readonly Name: string }
  readonly Components: readonly VersionComponent[]
  /** This package's. */
  readonly Version: string
  /** The version of Docker's API whose names and behaviour it follows. */
  readonly ApiVersion: string
  readonly MinAPIVersion: string
  readonly Os: 'linux'
  /** Go's name: amd64, arm64. */
  readonly Arch: string
  readonly KernelVersion: string
}

export interface VersionComponent {
  readonly Name: string
  readonly Version: string
  readonly Details: Readonly<Record<string, string>>
}

const apiVersion = '1.47'
const minApiVersion = '1.24'

export function engineVersion(): EngineVersion {
  const Version = packageVersion()
  const Arch = process.arch === 'x64' ? 'amd64' : process.arch
  const KernelVersion = release()
  return {
    Platform: { Name: 'inboard' },
    Components: [
      {
        Name: 'Engine',
        Version,
        Details: { ApiVersion: apiVersion, Arch, KernelVersion, MinAPIVersion: minApiVersion, Os: 'linux' },
      },
      { Name: 'Node.js', Version: process.versions.node, Details: { V8: process.versions.v8 } },
    ],
    Version,
    ApiVersion: apiVersion,
    MinAPIVersion: minApiVersion,
    Os: 'linux',
    Arch,
    KernelVersion,
  }
}
