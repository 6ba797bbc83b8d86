import { expect, test } from 'vitest'
import { normalizeOptions } from './normalize.js'
import type { ContainerConfig, RunOptions } from './options.js'

const context = { envFiles: new Map(), processEnv: {}, host: { cpus: 2, cpuList: '0-1', memoryNodes: '0' } }
const normalize = (raw: RunOptions, command?: readonly string[]): ContainerConfig =>
  normalizeOptions('busybox', command, raw, context)

test('nothing given is a complete, frozen, serialisable configuration', () => {
  const config = normalize({})
  expect(config).toEqual({
    image: 'busybox',
    command: [],
    env: [],
    user: '',
    workdir: '',
    hostname: '',
    domainname: '',
    tty: false,
    interactive: false,
    attached: true,
    readOnly: false,
    mounts: [],
    volumesFrom: [],
    volumeDriver: '',
    network: 'bridge',
    ports: [],
    publishAll: false,
    exposedPorts: [],
    links: [],
    networkAliases: [],
    capAdd: [],
    capDrop: [],
    privileged: false,
    security: { noNewPrivileges: false, systemPathsUnconfined: false },
    resources: {},
    ulimits: [],
    devices: [],
    deviceCgroupRules: [],
    cgroupParent: '',
    sysctls: {},
    labels: {},
    init: false,
    rm: false,
    restartPolicy: { name: 'no', maximumRetryCount: 0 },
    log: { driver: 'json-file', options: {} },
    shmSize: 67_108_864,
    groupAdd: [],
    extraHosts: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    pidMode: 'private',
    ipcMode: 'private',
    utsMode: 'private',
    cgroupnsMode: 'private',
    oomScoreAdj: 0,
  })
  expect(JSON.parse(JSON.stringify(config))).toEqual(config)
  expect(Object.isFrozen(config.security)).toBe(true)
})

// Docker's texts were taken from a daemon and its client; '...' is what we say where they accept and fail later.
// biome-ignore format: a table
test.each<[RunOptions, string, string]>([
  [{ name: 'a/b' }, 'name', 'Invalid container name (a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed'],
  [{ name: 'a' }, 'name', 'Invalid container name (a), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed'],
  [{ memory: '1m' }, 'memory', 'Minimum memory limit allowed is 6MB'],
  [{ memory: 64 }, 'memory', 'Minimum memory limit allowed is 6MB'],
  [{ memory: '64x' }, 'memory', "invalid suffix: 'x'"],
  [{ memorySwap: '64m' }, 'memorySwap', 'You should always set the Memory limit when using Memoryswap limit, see usage'],
  [{ memory: '64m', memorySwap: '32m' }, 'memorySwap', 'Minimum memoryswap limit should be larger than memory limit, see usage'],
  [{ memory: '64m', memoryReservation: '65m' }, 'memoryReservation', 'Minimum memory limit can not be less than memory reservation limit, see usage'],
  [{ memoryReservation: '1m' }, 'memoryReservation', 'Minimum memory reservation allowed is 6MB'],
  [{ cpus: 100 }, 'cpus', 'Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [{ cpus: -1 }, 'cpus', 'Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [{ cpus: 0.001 }, 'cpus', 'Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [{ cpus: 'abc' }, 'cpus', 'failed to parse abc as a rational number'],
  [{ cpus: 1, cpuQuota: 1000 }, 'cpus', 'Conflicting options: Nano CPUs and CPU Quota cannot both be set'],
  [{ cpus: 1, cpuPeriod: 1000 }, 'cpus', 'Conflicting options: Nano CPUs and CPU Period cannot both be set'],
  [{ cpuPeriod: 10 }, 'cpuPeriod', 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
  [{ cpuQuota: 10 }, 'cpuQuota', 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
  [{ cpuShares: -5 }, 'cpuShares', 'invalid value for cpuShares: -5'],
  [{ cpusetCpus: '0-7' }, 'cpusetCpus', 'Requested CPUs are not available - requested 0-7, available: 0-1'],
  [{ cpusetCpus: 'xx' }, 'cpusetCpus', 'Invalid value xx for cpuset cpus: invalid format: xx'],
  [{ cpusetMems: '7' }, 'cpusetMems', 'Requested memory nodes are not available - requested 7, available: 0'],
  [{ cpusetMems: '1-0' }, 'cpusetMems', 'Invalid value 1-0 for cpuset mems: invalid format: 1-0'],
  [{ pidsLimit: 1.5 }, 'pidsLimit', 'invalid value for pidsLimit: 1.5'],
  [{ ulimit: ['foo=1'] }, 'ulimit', 'invalid ulimit type: foo'],
  [{ ulimit: ['nofile'] }, 'ulimit', 'invalid ulimit argument: nofile'],
  [{ ulimit: ['nofile=10:5'] }, 'ulimit', 'ulimit soft limit must be less than or equal to hard limit: 10 > 5'],
  [{ ulimit: ['nofile=-1:5'] }, 'ulimit', 'ulimit soft limit must be less than or equal to hard limit: -1 > 5'],
  [{ ulimit: ['nofile=10:5:3'] }, 'ulimit', 'too many limit value arguments - 10:5:3, can only have up to two, `soft[:hard]`'],
  [{ ulimit: ['nofile=x'] }, 'ulimit', 'strconv.ParseInt: parsing "x": invalid syntax'],
  [{ ulimit: [{ name: 'nofile', soft: -2 }] }, 'ulimit', 'invalid ulimit value: nofile=-2'],
  [{ device: ['/dev/fuse:/dev/y:rwq'] }, 'device', 'bad mode specified: rwq'],
  [{ device: ['dev/fuse'] }, 'device', 'dev/fuse is not an absolute path'],
  [{ device: [''] }, 'device', 'bad format for path: '],
  [{ device: ['a:b:c:d'] }, 'device', 'bad format for path: a:b:c:d'],
  [{ device: ['/dev/fuse:/proc/x'] }, 'device', 'invalid device path in the container: /proc/x'],
  [{ sysctl: ['foo=1'] }, 'sysctl', "sysctl 'foo' is not allowed"],
  [{ sysctl: { 'kernel.foo': '1' } }, 'sysctl', "sysctl 'kernel.foo' is not allowed"],
  [{ sysctl: { 'kernel.shm_rmid_forced=1+kernel.core_pattern': 'x' } }, 'sysctl', 'is not allowed'],
  [{ sysctl: { 'net.x/../../kernel/core_pattern': 'x' } }, 'sysctl', 'is not allowed'],
  [{ sysctl: { 'net.a': '1\nkernel.core_pattern=x' } }, 'sysctl', "sysctl 'net.a' is not allowed"],
  [{ sysctl: ['net.foo'] }, 'sysctl', "sysctl 'net.foo' is not allowed"],
  [{ sysctl: { 'net.foo': '1' }, network: 'host' }, 'sysctl', 'sysctl "net.foo" not allowed in host network namespace'],
  [{ sysctl: { 'kernel.msgmax': '1' }, ipc: 'host' }, 'sysctl', 'sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace'],
  [{ capAdd: ['FOO'] }, 'capAdd', 'invalid CapAdd: unknown capability: "CAP_FOO"'],
  [{ capDrop: ['cap_foo'] }, 'capDrop', 'invalid CapDrop: unknown capability: "CAP_FOO"'],
  [{ securityOpt: ['foo'] }, 'securityOpt', 'invalid --security-opt 1: "foo"'],
  [{ securityOpt: ['foo=bar'] }, 'securityOpt', 'invalid --security-opt 2: "foo=bar"'],
  [{ securityOpt: ['no-new-privileges=x'] }, 'securityOpt', 'invalid --security-opt 2: "no-new-privileges=x"'],
  [{ securityOpt: ['systempaths=foo'] }, 'securityOpt', 'invalid --security-opt 2: "systempaths=foo"'],
  [{ securityOpt: ['seccomp=/profile.json'] }, 'securityOpt', 'Decoding seccomp profile failed: it is not JSON'],
  [{ securityOpt: ['apparmor=mine'] }, 'securityOpt', 'invalid --security-opt: "apparmor=mine"'],
  [{ securityOpt: ['label=type:x'] }, 'securityOpt', 'invalid --security-opt: "label=type:x"'],
  [{ stopSignal: 'FOO' }, 'stopSignal', 'Invalid signal: FOO'],
  [{ stopSignal: '99' }, 'stopSignal', 'Invalid signal: 99'],
  [{ stopTimeout: -5 }, 'stopTimeout', 'invalid value for stopTimeout: -5'],
  [{ workdir: 'foo' }, 'workdir', "the working directory 'foo' is invalid, it needs to be an absolute path"],
  [{ uts: 'host', hostname: 'foo' }, 'hostname', 'conflicting options: hostname and the UTS mode'],
  [{ hostname: 'a'.repeat(65) }, 'hostname', 'invalid hostname: aaa'],
  [{ hostname: 'a\nb' }, 'hostname', 'invalid hostname: "a\\nb"'],
  [{ uts: 'foo' }, 'uts', '--uts: invalid UTS mode'],
  [{ ipc: 'container:' }, 'ipc', '--ipc: invalid IPC mode: container:'],
  [{ ipc: 'public' }, 'ipc', '--ipc: invalid IPC mode: public'],
  [{ pid: 'shareable' }, 'pid', '--pid: invalid PID mode: shareable'],
  [{ memorySwappiness: 101 }, 'memorySwappiness', 'Invalid value: 101, valid memory swappiness range is 0-100'],
  [{ blkioWeight: 5 }, 'blkioWeight', 'Range of blkio weight is from 10 to 1000'],
  [{ blkioWeightDevice: ['/dev/sda:5000'] }, 'blkioWeightDevice', 'invalid weight for device: /dev/sda:5000'],
  [{ blkioWeightDevice: ['sda:50'] }, 'blkioWeightDevice', 'bad format for device path: sda:50'],
  [{ deviceReadBps: ['/dev/sda'] }, 'deviceReadBps', 'bad format: /dev/sda'],
  [{ deviceReadBps: ['/dev/sda:1xb'] }, 'deviceReadBps', 'invalid rate for device: /dev/sda:1xb'],
  [{ deviceWriteIops: ['/dev/sda:1kb'] }, 'deviceWriteIops', 'invalid rate for device: /dev/sda:1kb'],
  [{ deviceCgroupRule: ['c 1:3 x'] }, 'deviceCgroupRule', "invalid device cgroup format 'c 1:3 x'"],
  [{ cgroupParent: '/a/../b' }, 'cgroupParent', 'invalid cgroup parent: /a/../b'],
  [{ oomScoreAdj: 2000 }, 'oomScoreAdj', 'Invalid value 2000, range for oom score adj is [-1000, 1000]'],
  [{ addHost: ['foo'] }, 'addHost', 'bad format for add-host: "foo"'],
  [{ addHost: ['foo:bar'] }, 'addHost', 'invalid IP address in add-host: "bar"'],
  [{ addHost: ['foo:010.1.1.1'] }, 'addHost', 'invalid IP address in add-host: "010.1.1.1"'],
  [{ dns: ['foo'] }, 'dns', 'IP address is not correctly formatted: foo'],
  [{ dns: ['1::2::3'] }, 'dns', 'IP address is not correctly formatted: 1::2::3'],
  [{ dnsSearch: ['a b'] }, 'dnsSearch', 'a b is not a valid domain'],
  [{ dnsOption: ['ndots:2\nnameserver 1.2.3.4'] }, 'dnsOption', 'invalid dns option'],
  [{ label: [''] }, 'label', "invalid label '=': empty name"],
  [{ label: { '': 'x' } }, 'label', "invalid label '=x': empty name"],
  [{ shmSize: '-1' }, 'shmSize', "invalid size: '-1'"],
  [{ platform: 'foo/bar' }, 'platform', '"foo/bar": unknown operating system or architecture'],
  [{ platform: 'windows' }, 'platform', '"windows": unknown operating system or architecture'],
  [{ user: 'a\0b' }, 'user', 'it holds a NUL character'],
  [{ tty: 'yes' as unknown as boolean }, 'tty', 'invalid value for tty: yes'],
  [{ capAdd: 'ALL' as unknown as string[] }, 'capAdd', 'give an array of strings'],
])('refuses %j', (raw, option, message) => {
  const details = expect.objectContaining({ option })
  expect(() => normalize(raw)).toThrow(expect.objectContaining({ name: 'InvalidOptionError', details }))
  expect(() => normalize(raw)).toThrow(message)
})

test('a bad name has a code of its own', () => {
  expect(() => normalize({ name: '-x' })).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }))
})

// biome-ignore format: a table
test.each<[RunOptions, Partial<ContainerConfig>]>([
  [{ entrypoint: '' }, { entrypoint: [] }],
  [{ entrypoint: ['sh', '-c'] }, { entrypoint: ['sh', '-c'] }],
  [{ workdir: '/a/../b/' }, { workdir: '/b' }],
  [{ memory: '64m', cpus: '1.5' }, { resources: { memory: 67_108_864, memorySwap: 134_217_728, nanoCpus: 1_500_000_000, cpuPeriod: 100_000, cpuQuota: 150_000 } }],
  [{ memory: '64m', memorySwap: -1 }, { resources: { memory: 67_108_864, memorySwap: -1 } }],
  [{ memory: 0, cpus: 0, pidsLimit: -1, cpuQuota: -1, cpusetCpus: '' }, { resources: {} }],
  [{ pidsLimit: 50, cpuShares: 512, cpusetCpus: '0-1', cpusetMems: '0' }, { resources: { pidsLimit: 50, cpuShares: 512, cpusetCpus: '0-1', cpusetMems: '0' } }],
  [{ cpuPeriod: 5000, cpuQuota: 5000, oomKillDisable: true }, { resources: { cpuPeriod: 5000, cpuQuota: 5000, oomKillDisable: true } }],
  [{ ulimit: ['nofile=10:20', 'core=0', 'nofile=5', { name: 'cpu', soft: 1 }] }, { ulimits: [{ name: 'core', soft: 0, hard: 0 }, { name: 'cpu', soft: 1, hard: 1 }, { name: 'nofile', soft: 5, hard: 5 }] }],
  [{ capAdd: ['net_admin', 'CAP_CHOWN', 'NET_ADMIN'], capDrop: ['all'] }, { capAdd: ['CAP_CHOWN', 'CAP_NET_ADMIN'], capDrop: ['ALL'] }],
  [{ device: ['/dev/fuse', '/dev/fuse:r', '/dev/fuse:/dev/f', { hostPath: '/dev/x', permissions: 'rw' }] }, { devices: [
    { hostPath: '/dev/fuse', containerPath: '/dev/fuse', permissions: 'rwm' }, { hostPath: '/dev/fuse', containerPath: '/dev/fuse', permissions: 'r' },
    { hostPath: '/dev/fuse', containerPath: '/dev/f', permissions: 'rwm' }, { hostPath: '/dev/x', containerPath: '/dev/x', permissions: 'rw' }] }],
  [{ sysctl: ['net.core.somaxconn=1024', 'fs.mqueue.msg_max=5', 'kernel.sem=1 2 3 4'] }, { sysctls: { 'net.core.somaxconn': '1024', 'fs.mqueue.msg_max': '5', 'kernel.sem': '1 2 3 4' } }],
  [{ label: ['a', 'b=c=d', 'a=2'] }, { labels: { a: '2', b: 'c=d' } }],
  [{ securityOpt: ['no-new-privileges:true', 'systempaths=unconfined', 'apparmor=unconfined', 'label=disable', 'seccomp=builtin'] }, { security: { noNewPrivileges: true, systemPathsUnconfined: true } }],
  [{ securityOpt: ['seccomp=unconfined', 'no-new-privileges=false'] }, { security: { noNewPrivileges: false, systemPathsUnconfined: false, seccomp: 'unconfined' } }],
  [{ stopSignal: 'term', stopTimeout: -1 }, { stopSignal: 'term', stopTimeout: -1 }],
  [{ stopSignal: 'SIGRTMIN+3' }, { stopSignal: 'SIGRTMIN+3' }],
  [{ addHost: ['db:10.0.0.1', 'v6:[fe80::1]', 'w=::ffff:1.2.3.4', 'gw=host-gateway'] }, { extraHosts: ['db:10.0.0.1', 'v6:fe80::1', 'w:::ffff:1.2.3.4', 'gw:host-gateway'] }],
  [{ dns: ['8.8.8.8', 'fe80::1%eth0'], dnsSearch: ['.', 'example.com'], dnsOption: ['ndots:2'] }, { dns: ['8.8.8.8', 'fe80::1%eth0'], dnsSearch: ['.', 'example.com'], dnsOptions: ['ndots:2'] }],
  [{ ipc: 'shareable', pid: 'host', cgroupns: 'host', network: 'host' }, { ipcMode: 'shareable', pidMode: 'host', cgroupnsMode: 'host', network: 'host' }],
  [{ ephemeral: true }, { ephemeral: true, rm: true }],
  [{ platform: 'linux/x86_64' }, { platform: 'linux/amd64' }],
  [{ platform: 'arm64/v8' }, { platform: 'linux/arm64/v8' }],
  [{ shmSize: 0 }, { shmSize: 67_108_864 }],
  [{ pid: 'container:db', ipc: 'none' }, { pidMode: 'container:db', ipcMode: 'none' }],
  [{ cgroupParent: '/a//b/' }, { cgroupParent: 'a/b' }],
  [{ memorySwappiness: -1, blkioWeight: 0 }, { resources: {} }],
  [{ deviceReadBps: ['/dev/sda:1mb'], deviceWriteIops: [{ path: '/dev/sda', rate: 7 }] }, { resources: { deviceReadBps: [{ path: '/dev/sda', rate: 1_048_576 }], deviceWriteIops: [{ path: '/dev/sda', rate: 7 }] } }],
])('takes %j', (raw, config) => {
  expect(normalize(raw)).toMatchObject(config)
})

test('who makes it may mean some of its streams', () => {
  expect(normalize({ attach: ['stderr'], stdinOnce: false })).toMatchObject({
    attachedTo: ['stderr'],
    stdinOnce: false,
  })
  expect(normalize({ attach: [] })).toMatchObject({ attachedTo: [] })
  expect(() => normalize({ attach: ['output' as 'stdout'] })).toThrow(
    'valid streams are STDIN, STDOUT and STDERR: output',
  )
})

test('paths of the kernel are hidden as it is asked', () => {
  const paths = { maskedPaths: ['/proc/kcore'], readonlyPaths: [] }
  expect(normalize(paths).security).toMatchObject(paths)
  for (const path of ['/etc/shadow', 'proc/x', '/proc/../etc', '/proc/', '/proc', '/proc/./x', '/proc/x/'])
    expect(() => normalize({ maskedPaths: [path] })).toThrow(`invalid path: ${path}`)
})
