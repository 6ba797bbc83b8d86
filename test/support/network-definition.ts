import type { NetworkDefinition } from '../../src/network/definition.js'

/** A bridge with one subnet, as a definition. */
export const bridge: NetworkDefinition = {
  driver: 'bridge',
  internal: false,
  attachable: false,
  ipv6: false,
  subnets: [{ subnet: '10.1.0.0/16', gateway: '10.1.0.1' }],
  options: {},
  ipamDriver: 'default',
  ipamOptions: {},
  labels: {},
  interface: 'br-test',
  icc: true,
  masquerade: true,
  hostBinding: '0.0.0.0',
  mode: '',
}
