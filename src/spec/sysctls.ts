import { checkText, invalidOption } from './invalid.js'
import type { RunOptions } from './options.js'

/** Kernel parameters that belong to an IPC namespace. */
const ipc = new Set(
  ['msgmax', 'msgmnb', 'msgmni', 'sem', 'shmall', 'shmmax', 'shmmni', 'shm_rmid_forced'].map(
    (name) => `kernel.${name}`,
  ),
)

const isIpc = (name: string) => ipc.has(name) || name.startsWith('fs.mqueue.')
const isNetwork = (name: string) => name.startsWith('net.')

export interface SharedNamespaces {
  readonly hostNetwork: boolean
  readonly hostIpc: boolean
}

/**
 * `--sysctl`, limited to what is of the container's own namespaces.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseSysctls(input: RunOptions['sysctl'], shared: SharedNamespaces): Record<string, string> {
  const sysctls: Record<string, string> = {}
  for (const [name, value] of pairs(input)) {
    checkSysctl(name, value, shared)
    sysctls[name] = value
  }
  return sysctls
}

function pairs(input: RunOptions['sysctl']): [string, string][] {
  if (!Array.isArray(input)) return Object.entries(input ?? {})
  return input.map((text: string) => {
    const equals = checkText('sysctl', text).indexOf('=')
    if (equals < 0) throw notAllowed(text, "write it as in 'net.core.somaxconn=1024'")
    return [text.slice(0, equals).trim(), text.slice(equals + 1)]
  })
}

function checkSysctl(name: string, value: string, { hostNetwork, hostIpc }: SharedNamespaces): void {
  checkText('sysctl', value)
  // Names become paths and lists of `name=value+name=value`: what could end one or climb out is refused.
  if (!/^[a-zA-Z0-9_][a-zA-Z0-9_./:@-]*$/.test(name) || /\.\.|\/\/|\.\/|\/\.|[./]$/.test(name) || /[\n\r]/.test(value))
    throw notAllowed(name, 'its name or value has characters that no sysctl has')
  const dotted = name.replaceAll('/', '.')
  if (!isIpc(dotted) && !isNetwork(dotted))
    throw notAllowed(name, 'only parameters of the network and ipc namespaces can be set for a container')
  if (isNetwork(dotted) && hostNetwork)
    throw invalidOption(
      'sysctl',
      `sysctl "${name}" not allowed in host network namespace`,
      "leave it out, or use another network than 'host'",
      name,
    )
  if (isIpc(dotted) && hostIpc)
    throw invalidOption(
      'sysctl',
      `sysctl "${name}" is not allowed in the hosts ipc namespace`,
      "leave it out, or leave out ipc 'host'",
      name,
    )
}

function notAllowed(name: string, hint: string) {
  return invalidOption('sysctl', `sysctl '${name}' is not allowed`, hint, name)
}
