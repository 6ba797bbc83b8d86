import { UnsupportedHostError } from '../errors/index.js'
import { detectCgroups, engineLimits } from '../host/index.js'
import { judgeCgroups } from './doctor-cgroups.js'
import { failure, type HostCheck, type HostCheckName, warning } from './doctor-check.js'
import {
  checkAddon,
  checkCapabilities,
  checkKernel,
  judgeApparmor,
  judgeNamespaces,
  judgeNode,
  judgeSeccomp,
  judgeUserNamespaces,
} from './doctor-kernel.js'
import { judgeInotify, judgeOpenFiles } from './doctor-limits.js'
import { checkInterfaces, checkNftables, judgeForwarding } from './doctor-network.js'
import { kernelSettings } from './doctor-settings.js'
import { checkDiskSpace, checkRunRoot, checkStorage } from './doctor-storage.js'
import type { NormalizedEngineOptions } from './options.js'

/** What {@link Engine.doctor} has found. */
export interface Diagnosis {
  /** Whether containers run here: nothing is a failure. */
  readonly ok: boolean
  readonly checks: readonly HostCheck[]
}

type Places = Pick<NormalizedEngineOptions, 'root' | 'runRoot'>

/** Looks at all that containers need of a host, by trying where that leaves nothing. */
export async function diagnose({ root, runRoot }: Places): Promise<Diagnosis> {
  const looks: readonly (readonly [name: HostCheckName, look: () => HostCheck | Promise<HostCheck>])[] = [
    ['node', () => judgeNode(process.versions.node)],
    ['addon', checkAddon],
    ['kernel', checkKernel],
    ['capabilities', checkCapabilities],
    ['cgroups', () => judgeCgroups(detectCgroups(), kernelSettings())],
    ['namespaces', () => judgeNamespaces(kernelSettings())],
    ['user-namespaces', () => judgeUserNamespaces(kernelSettings())],
    ['apparmor', () => judgeApparmor(kernelSettings())],
    ['seccomp', () => judgeSeccomp(kernelSettings())],
    ['storage', () => checkStorage(root)],
    ['disk-space', () => checkDiskSpace(root)],
    ['run-root', () => checkRunRoot(runRoot)],
    ['nftables', checkNftables],
    ['interfaces', checkInterfaces],
    ['ip-forward', () => judgeForwarding(kernelSettings())],
    ['inotify', () => judgeInotify(kernelSettings())],
    ['open-files', () => judgeOpenFiles(engineLimits().rlimits.RLIMIT_NOFILE)],
  ]
  const checks: HostCheck[] = []
  for (const [name, look] of looks) checks.push(await attempt(name, look, checks))
  return { ok: checks.every(({ status }) => status !== 'failure'), checks }
}

/** What cannot be looked at is not known; why that is so is mostly another check's. */
async function attempt(
  name: HostCheckName,
  look: () => HostCheck | Promise<HostCheck>,
  before: readonly HostCheck[],
): Promise<HostCheck> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof UnsupportedHostError))
      return warning(name, `not known: ${(error as Error).message}`, unknownBecause(error))
    const { feature, hint } = error.details as { feature: string; hint: string }
    if (before.some((check) => check.name === 'addon' && check.status === 'failure') && feature === 'addon')
      return warning(name, 'not known', 'the addon is needed to look at it')
    return failure(name, error.message.replace(/\. To mend it: .*$/s, ''), 'containers cannot run here', hint)
  }
}

function unknownBecause(error: unknown): string {
  const isRefused = ['EPERM', 'EACCES'].some((code) => (error as Error).message.includes(code))
  return isRefused ? 'only root can look at it' : 'this has not happened to its authors: containers may work or not'
}
