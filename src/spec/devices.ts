import { checkText, invalidOption } from './invalid.js'
import { cleanPath } from './mount-target.js'
import type { ContainerConfig, RunOptions } from './options.js'

type ConfiguredDevice = ContainerConfig['devices'][number]

/**
 * `--device`: `/dev/host[:/dev/container][:rwm]`.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseDevices(inputs: RunOptions['device']): ConfiguredDevice[] {
  return (inputs ?? []).map((input) => {
    const { hostPath, containerPath, permissions } = typeof input === 'string' ? split(input) : input
    return check(hostPath, containerPath ?? hostPath, permissions ?? 'rwm')
  })
}

const hint = "write it as in '/dev/fuse', '/dev/sda:/dev/xvda' or '/dev/sda:/dev/xvda:r'"

function split(text: string): { hostPath: string; containerPath?: string; permissions?: string } {
  const parts = checkText('device', text).split(':')
  const [hostPath = '', second, third] = parts
  if (parts.length > 3 || parts.includes('')) throw invalidOption('device', `bad format for path: ${text}`, hint, text)
  if (parts.length === 2 && isAccess(second ?? '')) return { hostPath, permissions: second as string }
  return {
    hostPath,
    ...(second !== undefined && { containerPath: second }),
    ...(third !== undefined && { permissions: third }),
  }
}

function check(hostPath: string, containerPath: string, permissions: string): ConfiguredDevice {
  if (!isAccess(permissions))
    throw invalidOption('device', `bad mode specified: ${permissions}`, 'use letters of rwm, each once', permissions)
  for (const path of [hostPath, containerPath])
    if (!checkText('device', path).startsWith('/'))
      throw invalidOption('device', `${path} is not an absolute path`, 'begin it with /dev/', path)
  const inside = cleanPath(containerPath)
  if (inside === '/' || inside === '/dev' || inside === '/proc' || inside.startsWith('/proc/'))
    throw invalidOption(
      'device',
      `invalid device path in the container: ${containerPath}`,
      'name a node, as in /dev/fuse',
      containerPath,
    )
  return { hostPath: cleanPath(hostPath), containerPath: inside, permissions }
}

function isAccess(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length
}

/**
 * `--device-cgroup-rule`: `type major:minor access`, as in `'c 13:* rmw'`.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 * @see https://docs.kernel.org/admin-guide/cgroup-v1/devices.html
 */
export function parseDeviceRules(rules: RunOptions['deviceCgroupRule']): string[] {
  return (rules ?? []).map((rule) => {
    if (deviceRule.test(checkText('deviceCgroupRule', rule))) return rule
    throw invalidOption(
      'deviceCgroupRule',
      `invalid device cgroup format '${rule}'`,
      "write it as in 'c 13:* rmw'",
      rule,
    )
  })
}

const deviceRule = /^[acb] (?:\d+|\*):(?:\d+|\*) [rwm]{1,3}$/
