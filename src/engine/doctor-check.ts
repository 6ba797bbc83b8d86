/** What is looked at. */
export type HostCheckName =
  | 'node'
  | 'addon'
  | 'kernel'
  | 'capabilities'
  | 'cgroups'
  | 'namespaces'
  | 'user-namespaces'
  | 'apparmor'
  | 'seccomp'
  | 'storage'
  | 'disk-space'
  | 'run-root'
  | 'nftables'
  | 'interfaces'
  | 'ip-forward'
  | 'inotify'
  | 'open-files'

/** One thing that containers need of their host. */
export interface HostCheck {
  readonly name: HostCheckName
  /** `failure`: containers do not run here; `warning`: they do, and something of theirs does not work. */
  readonly status: 'ok' | 'warning' | 'failure'
  /** What was found. */
  readonly finding: string
  /** What that means for containers. Absent: nothing. */
  readonly meaning?: string
  /** The command that mends it. */
  readonly remedy?: string
}

export const fine = (name: HostCheckName, finding: string): HostCheck => ({ name, status: 'ok', finding })

export const warning = (name: HostCheckName, finding: string, meaning: string, remedy?: string): HostCheck =>
  checkOf('warning', name, finding, meaning, remedy)

export const failure = (name: HostCheckName, finding: string, meaning: string, remedy?: string): HostCheck =>
  checkOf('failure', name, finding, meaning, remedy)

const checkOf = (
  status: HostCheck['status'],
  name: HostCheckName,
  finding: string,
  meaning: string,
  remedy?: string,
): HostCheck => ({
  name,
  status,
  finding,
  meaning,
  ...(remedy !== undefined && { remedy }),
})
