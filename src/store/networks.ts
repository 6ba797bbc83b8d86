import type { ActiveEndpoint, BoundPort, EndpointSettings, NetworkDefinition } from '../network/definition.js'

/** A network as the store has it. */
export interface NetworkRecord {
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
  readonly createdAtMs: number
  readonly definition: NetworkDefinition
}

/** A container's place on a network. */
export interface EndpointRecord {
  readonly container: string
  /** The network's id; the network may be gone while the container does not run. */
  readonly network: string
  /** In the order they were connected. */
  readonly position: number
  readonly settings: EndpointSettings
  /** Which start of the container it belongs to; undefined while it has none. */
  readonly attempt: number | undefined
  readonly active: ActiveEndpoint | undefined
}

/** A port that a container has published, while it runs. */
export interface PortRecord extends BoundPort {
  readonly container: string
  readonly attempt: number
}
