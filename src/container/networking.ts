import type { ActiveEndpoint, BoundPort, EndpointSettings, NetworkDefinition } from '../network/definition.js'

/** What is known of a container's networks, from the store. */
export interface ContainerNetworking {
  /** In the order they were connected; `definition` is undefined when the network is gone. */
  readonly endpoints: readonly ContainerEndpoint[]
  /** What is published while it runs. */
  readonly ports: readonly BoundPort[]
  /** What it links to on the default bridge, by present names. */
  readonly links: readonly { readonly target: string; readonly alias: string }[]
  /** Which containers link to it there, by present names. */
  readonly linkedFrom: readonly { readonly container: string; readonly alias: string }[]
}

/** A container's place on a network. */
export interface ContainerEndpoint {
  readonly networkId: string
  readonly networkName: string
  readonly definition: NetworkDefinition | undefined
  readonly settings: EndpointSettings
  readonly active: ActiveEndpoint | undefined
}
