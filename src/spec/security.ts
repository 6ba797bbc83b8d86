import { checkText, checkTexts, invalidOption } from './invalid.js'
import { cleanPath } from './mount-target.js'
import type { ContainerConfig, RunOptions } from './options.js'
import { compact } from './records.js'
import { parseProfile } from './seccomp/profile.js'

type Security = ContainerConfig['security']

/**
 * `--security-opt`: `no-new-privileges[=true|false]`, `seccomp=unconfined|builtin|PROFILE`, `systempaths=unconfined`, and
 * `apparmor=unconfined` and `label=disable`, which change nothing.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseSecurity({
  securityOpt = [],
  maskedPaths,
  readonlyPaths,
}: Pick<RunOptions, 'securityOpt' | 'maskedPaths' | 'readonlyPaths'>): Security {
  let security: Security = { noNewPrivileges: false, systemPathsUnconfined: false }
  for (const option of securityOpt) security = { ...security, ...parseOption(option) }
  const paths = {
    maskedPaths: parsePaths('maskedPaths', maskedPaths),
    readonlyPaths: parsePaths('readonlyPaths', readonlyPaths),
  }
  return compact({ ...security, ...paths }) as Security
}

/** Only what the kernel shows is hidden in this way: anything else is a mount's business. */
function parsePaths(
  option: 'maskedPaths' | 'readonlyPaths',
  paths: readonly string[] | undefined,
): readonly string[] | undefined {
  if (paths === undefined) return undefined
  for (const path of checkTexts(option, paths))
    if (!/^\/(?:proc|sys)\/[^/]/.test(path) || cleanPath(path) !== path)
      throw invalidOption(option, `invalid path: ${path}`, 'give clean paths below /proc and /sys', path)
  return [...paths]
}

function parseOption(option: NonNullable<RunOptions['securityOpt']>[number]): Partial<Security> {
  if (typeof option !== 'string') return { seccomp: parseProfile(option.seccomp) }
  checkText('securityOpt', option)
  if (option === 'no-new-privileges') return { noNewPrivileges: true }
  const [, name, value = ''] = /^([^=:]+)[=:](.*)$/s.exec(option) ?? []
  if (name === undefined)
    throw invalidOption('securityOpt', `invalid --security-opt 1: "${option}"`, "write 'name=value'", option)
  switch (name) {
    case 'no-new-privileges':
      if (value === 'true' || value === 'false') return { noNewPrivileges: value === 'true' }
      break
    case 'systempaths':
      if (value === 'unconfined') return { systemPathsUnconfined: true }
      break
    case 'seccomp':
      return { seccomp: parseSeccomp(value) } as Partial<Security>
    case 'apparmor':
      if (value === 'unconfined' || value === '') return {}
      throw noModule('AppArmor', 'apparmor=unconfined', option)
    case 'label':
      if (value === 'disable') return {}
      throw noModule('SELinux', 'label=disable', option)
  }
  throw invalidOption(
    'securityOpt',
    `invalid --security-opt 2: "${option}"`,
    'use no-new-privileges, seccomp=, systempaths=unconfined',
    option,
  )
}

function parseSeccomp(value: string): Security['seccomp'] | undefined {
  if (value === 'unconfined') return 'unconfined'
  return value === 'builtin' ? undefined : parseProfile(value)
}

function noModule(name: string, alternative: string, option: string) {
  return invalidOption(
    'securityOpt',
    `invalid --security-opt: "${option}": this version does not apply ${name} policies`,
    `leave it out, or use '${alternative}'`,
    option,
  )
}
