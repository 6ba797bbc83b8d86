import type { RegistriesOptions } from '../registry/types.js'

/** Docker's `RegistryConfig`: how registries are reached. */
export interface RegistryConfig {
  readonly AllowNondistributableArtifactsCIDRs: readonly string[]
  readonly AllowNondistributableArtifactsHostnames: readonly string[]
  /** Where any certificate, or none, will do. */
  readonly InsecureRegistryCIDRs: readonly string[]
  readonly IndexConfigs: Readonly<Record<string, RegistryIndex>>
  /** Docker Hub's. */
  readonly Mirrors: readonly string[]
}

export interface RegistryIndex {
  readonly Name: string
  readonly Mirrors: readonly string[]
  readonly Secure: boolean
  readonly Official: boolean
}

const hub = 'docker.io'
const loopback = ['::1/128', '127.0.0.0/8']

/** What was said of registries when the engine was opened. */
export function registryConfig({ registries = {} }: RegistriesOptions): RegistryConfig {
  const entries = Object.entries(registries)
  const blocks = entries.filter(([name, { insecure }]) => insecure && name.includes('/')).map(([name]) => name)
  const indexes = [
    [hub, registries[hub] ?? {}] as const,
    ...entries.filter(([name]) => name !== hub && !name.includes('/')),
  ]
  return {
    AllowNondistributableArtifactsCIDRs: [],
    AllowNondistributableArtifactsHostnames: [],
    InsecureRegistryCIDRs: [...loopback, ...blocks],
    IndexConfigs: Object.fromEntries(
      indexes.map(([name, { mirrors = [], insecure = false }]) => [
        name,
        { Name: name, Mirrors: mirrors, Secure: !insecure, Official: name === hub },
      ]),
    ),
    Mirrors: registries[hub]?.mirrors ?? [],
  }
}
