import { describe, expect, test } from 'vitest'
import type { CgroupHierarchy, CgroupLayout } from '../host/index.js'
import { judgeCgroups } from './doctor-cgroups.js'
import {
  judgeApparmor,
  judgeCapabilities,
  judgeNamespaces,
  judgeNode,
  judgeSeccomp,
  judgeUserNamespaces,
} from './doctor-kernel.js'
import { judgeInotify, judgeOpenFiles } from './doctor-limits.js'
import { judgeForwarding, judgeInterfaces, judgeNftables } from './doctor-network.js'
import type { KernelSettings } from './doctor-settings.js'
import { judgeDiskSpace } from './doctor-storage.js'

const all = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts']
const kernel = (files: Readonly<Record<string, string>> = {}, namespaces = all, canWrite = true): KernelSettings => ({
  namespaces,
  read: (path) => files[path],
  canWrite: () => canWrite,
})

describe('what is in order', () => {
  test.each([
    ['Node', judgeNode('20.19.0')],
    ['a newer one', judgeNode('24.0.0')],
    ['capabilities', judgeCapabilities(-1n)],
    ['namespaces', judgeNamespaces(kernel())],
    ['user namespaces', judgeUserNamespaces(kernel({ '/proc/sys/user/max_user_namespaces': '100' }))],
    ['AppArmor', judgeApparmor(kernel({ '/sys/module/apparmor/parameters/enabled': 'Y' }))],
    ['seccomp', judgeSeccomp(kernel({ '/proc/sys/kernel/seccomp/actions_avail': 'kill errno allow' }))],
    ['tables', judgeNftables(undefined)],
    ['interfaces', judgeInterfaces({ bridge: 'EINVAL', veth: 'EINVAL' })],
    ['a router', judgeForwarding(kernel({ '/proc/sys/net/ipv4/ip_forward': '1' }))],
    ['what can be made one', judgeForwarding(kernel({ '/proc/sys/net/ipv4/ip_forward': '0' }))],
    ['room', judgeDiskSpace({ directory: '/', bytes: 2 ** 40, files: undefined })],
    ['descriptors', judgeOpenFiles({ soft: 1024, hard: 4096 })],
  ])('%s', (_, check) => {
    expect(check).toMatchObject({ status: 'ok' })
    expect(check.remedy).toBeUndefined()
  })
})

describe('what is not is told with what it means, and the command that mends it', () => {
  const inotify = { '/proc/sys/fs/inotify/max_user_instances': '16', '/proc/sys/fs/inotify/max_user_watches': '9000' }
  test.each([
    [judgeNode('20.18.3'), 'failure', /n 22$/],
    [judgeCapabilities(-1n & ~(1n << 13n)), 'warning', /--cap-add NET_RAW$/],
    [judgeNamespaces(kernel({}, ['mnt', 'pid'])), 'failure', /linux-image/],
    [
      judgeUserNamespaces(kernel({ '/proc/sys/user/max_user_namespaces': '0' })),
      'warning',
      /^sysctl -w user\.max_user/,
    ],
    [judgeUserNamespaces(kernel({ '/proc/sys/kernel/unprivileged_userns_clone': '0' })), 'warning', /clone=1$/],
    [judgeApparmor(kernel({ '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1' })), 'warning', /userns=0$/],
    [judgeSeccomp(kernel()), 'failure', /linux-image/],
    [judgeNftables('EOPNOTSUPP'), 'failure', /^modprobe -a nf_tables/],
    [judgeNftables('EPERM'), 'warning', /as root$/],
    [judgeInterfaces({ bridge: 'EINVAL', veth: 'EOPNOTSUPP' }), 'failure', /^modprobe -a veth$/],
    [judgeForwarding(kernel({}, all, false)), 'warning', /^sysctl -w net\.ipv4\.ip_forward=1$/],
    [judgeDiskSpace({ directory: '/', bytes: 2 ** 30, files: 10 ** 6 }), 'warning', /system prune --all$/],
    [judgeDiskSpace({ directory: '/', bytes: 2 ** 40, files: 0 }), 'failure', /system prune --all$/],
    [judgeInotify(kernel(inotify)), 'warning', /^sysctl -w fs\.inotify/],
    [judgeOpenFiles({ soft: 256, hard: 1024 }), 'warning', /^ulimit -Hn/],
  ] as const)('%o', (check, status, remedy) => {
    expect(check).toMatchObject({ status, meaning: expect.any(String), remedy: expect.stringMatching(remedy) })
  })
})

describe('cgroups', () => {
  const hierarchy = (version: 1 | 2, controllers: readonly string[]): CgroupHierarchy => ({
    version,
    controllers,
    mountpoint: `/sys/fs/cgroup/${controllers[0]}`,
    root: '/',
    mountName: '',
    mountData: '',
  })
  const v2 = (...controllers: string[]): CgroupLayout => ({ kind: 'v2', hierarchies: [hierarchy(2, controllers)] })
  const v1 = (...controllers: string[]): CgroupLayout => ({
    kind: 'v1',
    hierarchies: controllers.map((controller) => hierarchy(1, [controller])),
  })

  test('of either version are in order with what limits need', () => {
    expect(judgeCgroups(v2('cpu', 'cpuset', 'memory', 'pids'), kernel())).toMatchObject({
      status: 'ok',
      finding: 'version 2',
    })
    const legacy = v1('cpu', 'cpuset', 'memory', 'pids', 'devices', 'freezer')
    expect(judgeCgroups(legacy, kernel())).toMatchObject({ status: 'ok', finding: 'version 1' })
  })

  test('that the kernel has and nobody mounted are to be mounted, others enabled when it boots', () => {
    const legacy = v1('cpu', 'cpuset', 'memory', 'devices', 'freezer')
    const table = kernel({ '/proc/cgroups': '#subsys_name\thierarchy\tnum_cgroups\tenabled\npids\t0\t1\t1' })
    expect(judgeCgroups(legacy, table)).toMatchObject({
      status: 'warning',
      remedy: 'mkdir -p /sys/fs/cgroup/pids && mount -t cgroup -o pids pids /sys/fs/cgroup/pids',
    })
    const { remedy } = judgeCgroups(v2('cpu', 'cpuset', 'pids'), kernel())
    expect(remedy).toContain('cgroup_enable=memory')
  })

  test('that cannot be written are a failure', () => {
    expect(judgeCgroups(v2('memory'), kernel({}, all, false))).toMatchObject({
      status: 'failure',
      remedy: 'mount -o remount,rw /sys/fs/cgroup/memory',
    })
  })
})
