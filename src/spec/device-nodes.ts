import type { ResolvedDevice } from './host-facts.js'
import type { ContainerConfig } from './options.js'
import { deepFreeze } from './records.js'
import type { Device, DeviceRule } from './types.js'

const nodes = { null: [1, 3], zero: [1, 5], full: [1, 7], tty: [5, 0], random: [1, 8], urandom: [1, 9] } as const

const defaultNodes: readonly Device[] = Object.entries(nodes).map(([name, [major, minor]]) => ({
  path: `/dev/${name}`,
  type: 'c',
  major,
  minor,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
}))

const character = (major: number, minor?: number): DeviceRule => ({
  allow: true,
  type: 'c',
  major,
  ...(minor !== undefined && { minor }),
  access: 'rwm',
})

/**
 * The devices that every container may use: nodes may be made of any, but only the harmless ones be opened. Those of the
 * console (5:1), of ptmx (5:2), of tun (10:200) and of pseudo-terminals (136:*) have no default node.
 */
export const defaultDeviceRules: readonly DeviceRule[] = deepFreeze([
  { allow: false, access: 'rwm' },
  { allow: true, type: 'b', access: 'm' },
  { allow: true, type: 'c', access: 'm' },
  ...Object.values(nodes).map(([major, minor]) => character(major, minor)),
  character(5, 1),
  character(5, 2),
  character(10, 200),
  character(136),
])

/** The nodes to make: the default ones, and the given ones, which win. */
export function deviceNodes(given: readonly ResolvedDevice[]): Device[] {
  const devices = new Map(defaultNodes.map((device) => [device.path, device]))
  for (const { permissions: _, ...device } of given) devices.set(device.path, device)
  return [...devices.values()]
}

/** The complete list of rules, or undefined where it is the default one. */
export function deviceRules(
  { privileged, deviceCgroupRules }: ContainerConfig,
  given: readonly ResolvedDevice[],
): readonly DeviceRule[] | undefined {
  if (privileged) return [{ allow: true, access: 'rwm' }]
  if (given.length === 0 && deviceCgroupRules.length === 0) return undefined
  const added = given.map(({ type, major, minor, permissions }) => ({
    allow: true,
    type,
    major,
    minor,
    access: permissions,
  }))
  return [...defaultDeviceRules, ...added, ...deviceCgroupRules.map(ruleOf)]
}

/** @see parseDeviceRules */
function ruleOf(text: string): DeviceRule {
  const [type, numbers = '', access = ''] = text.split(' ')
  const [major, minor] = numbers.split(':').map((number) => (number === '*' ? undefined : Number(number)))
  return {
    allow: true,
    type: type as 'a' | 'b' | 'c',
    ...(major !== undefined && { major }),
    ...(minor !== undefined && { minor }),
    access,
  }
}
