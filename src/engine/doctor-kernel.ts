import { release } from 'node:os'
import { hostFacts, initExecutablePath, judgeHost, packageDirectory, supervisorExecutable } from '../host/index.js'
import { hasCapability } from '../spec/capabilities.js'
import { failure, fine, type HostCheck, warning } from './doctor-check.js'
import type { KernelSettings } from './doctor-settings.js'

const wantedNode = [20, 19] as const

export function judgeNode(version: string): HostCheck {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > wantedNode[0] || (major === wantedNode[0] && minor >= wantedNode[1]))
    return fine('node', `Node ${version}`)
  return failure(
    'node',
    `Node ${version} is older than ${wantedNode.join('.')}`,
    'this package is not made for it',
    'npm install --global n && n 22',
  )
}

/** @throws {UnsupportedHostError} */
export function checkAddon(): HostCheck {
  supervisorExecutable()
  initExecutablePath()
  return fine('addon', `loaded from ${packageDirectory()}`)
}

/** @throws {UnsupportedHostError} for the first system call that is missing */
export function checkKernel(): HostCheck {
  judgeHost({ ...hostFacts(), effectiveCapabilities: everything })
  return fine('kernel', `Linux ${release()}, with all system calls that are needed`)
}

const everything = -1n

/** Of those that containers can do without: what does not work then. */
const consequences = {
  CAP_SYS_RESOURCE: "limits (ulimits) of containers cannot be above this process's own",
  CAP_NET_BIND_SERVICE: 'containers cannot listen at ports below 1024, and none of these can be published',
  CAP_NET_RAW: 'ping does not work in containers',
  CAP_FSETID: 'files in containers lose setgid when they are changed',
  CAP_SETFCAP: 'packages with file capabilities cannot be installed in containers, nor images with them extracted',
  CAP_AUDIT_WRITE: 'sudo, su and sshd may not work in containers',
  CAP_SYS_PTRACE: 'containers cannot be given it: debuggers with --cap-add SYS_PTRACE do not work',
} as const

/** @throws {UnsupportedHostError} when one is missing that nothing works without */
export function checkCapabilities(): HostCheck {
  const facts = hostFacts()
  judgeHost({ ...facts, syscallErrors: {} })
  return judgeCapabilities(facts.effectiveCapabilities)
}

export function judgeCapabilities(effective: bigint): HostCheck {
  const missing = Object.entries(consequences).filter(([name]) => !hasCapability(effective, name))
  if (missing.length === 0) return fine('capabilities', 'all that containers may be given')
  const names = missing.map(([name]) => name)
  return warning(
    'capabilities',
    `this process lacks ${names.join(', ')}`,
    missing.map(([, consequence]) => consequence).join('; '),
    `start the surrounding container with: docker run ${names.map((name) => `--cap-add ${name.slice(4)}`).join(' ')}`,
  )
}

export function judgeNamespaces({ namespaces }: KernelSettings): HostCheck {
  const missing = ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'].filter((kind) => !namespaces.includes(kind))
  if (missing.length === 0) return fine('namespaces', namespaces.join(', '))
  return failure(
    'namespaces',
    `the kernel lacks namespaces: ${missing.join(', ')}`,
    'containers are made of them',
    'apt-get install -y linux-image-amd64 && reboot (or the kernel package of your distribution)',
  )
}

const nestedMeaning =
  'inboard does not need them; programs in containers that make some, such as the sandboxes of browsers and rootless tools, fail'

export function judgeUserNamespaces({ namespaces, read }: KernelSettings): HostCheck {
  const name = 'user-namespaces'
  if (!namespaces.includes('user')) return warning(name, 'the kernel has none', nestedMeaning)
  const most = Number(read('/proc/sys/user/max_user_namespaces') ?? Number.POSITIVE_INFINITY)
  if (most === 0) return warning(name, 'none may be made', nestedMeaning, 'sysctl -w user.max_user_namespaces=15000')
  if (read('/proc/sys/kernel/unprivileged_userns_clone') === '0')
    return warning(name, 'only root may make them', nestedMeaning, 'sysctl -w kernel.unprivileged_userns_clone=1')
  return fine(name, 'may be made')
}

export function judgeApparmor({ read }: KernelSettings): HostCheck {
  const isEnabled = read('/sys/module/apparmor/parameters/enabled') === 'Y'
  const setting = 'kernel.apparmor_restrict_unprivileged_userns'
  if (read(`/proc/sys/${setting.replaceAll('.', '/')}`) === '1')
    return warning('apparmor', 'unprivileged user namespaces are restricted', nestedMeaning, `sysctl -w ${setting}=0`)
  return fine('apparmor', isEnabled ? 'enabled; user namespaces are not restricted' : 'not enabled')
}

export function judgeSeccomp({ read }: KernelSettings): HostCheck {
  const actions = read('/proc/sys/kernel/seccomp/actions_avail')?.split(' ') ?? []
  if (actions.includes('errno') && actions.includes('allow')) return fine('seccomp', 'filters can be set')
  return failure(
    'seccomp',
    'the kernel has no seccomp filters',
    'the default profile of containers cannot be set',
    'apt-get install -y linux-image-amd64 && reboot (or the kernel package of your distribution)',
  )
}
