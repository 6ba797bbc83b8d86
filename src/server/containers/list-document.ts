import type { ContainerSummary } from '../../engine/containers.js'

/** A container as `GET /containers/json` tells it. */
export function listDocument(container: ContainerSummary) {
  const { sizeRw, sizeRootFs } = container
  return {
    Id: container.id,
    Names: container.names.map((name) => `/${name}`),
    Image: container.image,
    ImageID: container.imageId,
    Command: container.command,
    Created: Math.floor(container.createdAt.getTime() / 1000),
    Ports: container.ports.map(portDocument),
    ...(sizeRw && { SizeRw: sizeRw }),
    ...(sizeRootFs && { SizeRootFs: sizeRootFs }),
    Labels: container.labels,
    State: container.state,
    Status: container.status,
    HostConfig: { NetworkMode: container.networkMode },
    NetworkSettings: {
      Networks: Object.fromEntries(
        container.endpoints.map((endpoint) => [endpoint.network, endpointDocument(endpoint)]),
      ),
    },
    Mounts: container.mounts.map(mountDocument),
  }
}

function portDocument({ hostAddress, hostPort, port, protocol }: ContainerSummary['ports'][number]) {
  return {
    ...(hostAddress !== undefined && { IP: hostAddress }),
    PrivatePort: port,
    ...(hostPort !== undefined && { PublicPort: hostPort }),
    Type: protocol,
  }
}

function endpointDocument(endpoint: ContainerSummary['endpoints'][number]) {
  return {
    IPAMConfig: null,
    Links: null,
    Aliases: null,
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.endpointId,
    Gateway: endpoint.gateway,
    IPAddress: endpoint.address,
    IPPrefixLen: endpoint.prefixLength,
    IPv6Gateway: endpoint.gateway6,
    GlobalIPv6Address: endpoint.address6,
    GlobalIPv6PrefixLen: endpoint.prefixLength6,
    MacAddress: endpoint.macAddress,
    DriverOpts: null,
    DNSNames: null,
  }
}

/** As Docker has it, a list does not say where volumes are. */
function mountDocument(mount: ContainerSummary['mounts'][number]) {
  const { type, name, source, destination, driver, mode, readOnly, propagation } = mount
  return {
    Type: type,
    ...(name !== undefined && { Name: name }),
    Source: type === 'volume' ? '' : source,
    Destination: destination,
    ...(driver !== undefined && { Driver: driver }),
    Mode: mode,
    RW: !readOnly,
    Propagation: propagation,
  }
}
