import { expect, test } from 'vitest'
import { createSpec, type SpecInput } from './create-spec.js'
import { defaultDeviceRules } from './device-nodes.js'
import type { HostFacts } from './host-facts.js'
import type { VolumePoint } from './mount-point.js'
import { resolveMountPoints } from './mount-points.js'
import { normalizeOptions } from './normalize.js'
import type { ImageRunConfig, RunOptions } from './options.js'
import docker from './testdata/docker-oci.json' with { type: 'json' }
import type { Mount, Spec } from './types.js'
import { resolveUser } from './user.js'

const id = `SHORTID00000${'0'.repeat(52)}`

/** As the oracle's machine: no CAP_SYS_RESOURCE. */
const host: HostFacts = {
  capabilities: 0x1fffeffffffn,
  arch: 'x86_64',
  kernel: '6.1.0',
  hostname: 'vm',
  cgroupNamespaces: true,
  hardLimits: { RLIMIT_NOFILE: 20_000 },
  oomScoreAdj: 0,
  initPath: '/usr/bin/docker-init',
}
const files = { hosts: '/c/hosts', hostname: '/c/hostname', resolvConf: '/c/resolv.conf' }
const sources = { volume: ({ volume }: VolumePoint) => `/volumes/${volume}/_data` }
const passwd = 'root:x:0:0:root:/root:/bin/sh\n'

interface Overrides {
  readonly image?: ImageRunConfig
  readonly host?: Partial<HostFacts>
  readonly devices?: SpecInput['devices']
  readonly command?: readonly string[]
  readonly shared?: SpecInput['shared']
}

function specOf(
  raw: RunOptions,
  { image = {}, command = ['sleep', '3600'], devices = [], ...given }: Overrides = {},
): Spec {
  const context = { envFiles: new Map(), processEnv: {}, host: { cpus: 2 } }
  const config = normalizeOptions('busybox', command, raw, context)
  const user = resolveUser(config.user || image.User || '', passwd, undefined, config.groupAdd)
  const { shared } = given
  return createSpec({
    id,
    config,
    image,
    user,
    host: { ...host, ...given.host },
    mounts: resolveMountPoints({
      config,
      imageVolumes: [],
      from: new Map(),
      newName: () => 'new',
      imageId: () => 'sha256:1',
    }),
    sources,
    files,
    devices,
    blockDevices: new Map([['/dev/vda', { major: 254, minor: 0 }]]),
    ...(shared && { shared }),
  })
}

interface DockerSpec {
  readonly process: {
    readonly user: { readonly uid: number }
    readonly args: readonly string[]
    readonly env: readonly string[]
    readonly cwd: string
    readonly terminal?: boolean
    readonly noNewPrivileges?: boolean
    readonly rlimits?: readonly object[]
    readonly oomScoreAdj: number
    readonly capabilities: Readonly<Partial<Record<'bounding' | 'effective' | 'permitted', readonly string[]>>>
  }
  readonly linux: {
    readonly sysctl?: object
    readonly namespaces: readonly { readonly type: string; readonly path?: string }[]
    readonly maskedPaths?: readonly string[] | null
    readonly readonlyPaths?: readonly string[] | null
    readonly resources?: Readonly<Record<string, object>>
  }
}

type Fact = (typeof docker)[keyof typeof docker]

/**
 * What Docker's own differs in by intent: the short id is longer than the fact's mark; the runtime adds HOME and leaves empty sets
 * out; we always have a cgroup namespace, and no network namespace by path; defaults of resources are not spelled out; 28 masks two
 * paths more than the 20.10 that the variants come from.
 */
function ours(fact: Fact): Record<string, unknown> {
  const { process, linux } = JSON.parse(JSON.stringify(fact).replaceAll('SHORTID', 'SHORTID00000')) as DockerSpec
  const { bounding = [], effective = [], permitted = [] } = process.capabilities
  const namespaces = linux.namespaces.filter(({ path }) => path === undefined)
  return {
    user: { ...process.user, umask: 0o022 },
    args: process.args,
    env: [...process.env, `HOME=${process.user.uid === 0 ? '/root' : '/'}`],
    cwd: process.cwd,
    terminal: process.terminal ?? false,
    noNewPrivileges: process.noNewPrivileges ?? false,
    rlimits: process.rlimits ?? [],
    oomScoreAdj: process.oomScoreAdj,
    capabilities: { bounding, effective, permitted, inheritable: [], ambient: [] },
    readonly: (fact.root as { readonly?: boolean }).readonly ?? false,
    mounts: fact.mounts.map((mount) => ({ ...mount, options: mount.options.map(recursively(mount)) })),
    sysctl: linux.sysctl ?? {},
    namespaces: [...new Set([...namespaces.map(({ type }) => type), 'cgroup'])],
    maskedPaths: linux.maskedPaths ? docker.docker28.linux.maskedPaths : [],
    readonlyPaths: linux.readonlyPaths ?? [],
    memory: withoutDefaults(linux.resources, 'memory'),
    cpu: withoutDefaults(linux.resources, 'cpu'),
    pids: linux.resources?.pids,
  }
}

/** 20.10 did not know `rro`, which 25 and newer use where the kernel can. */
const recursively =
  ({ options }: Pick<Mount, 'options'>) =>
  (option: string) =>
    option === 'ro' && options.includes('rbind') ? 'rro' : option

function withoutDefaults(resources: DockerSpec['linux']['resources'], name: string): object | undefined {
  const set = Object.entries(resources?.[name] ?? {}).filter(([, value]) => value !== false && value !== 0)
  return set.length > 0 ? Object.fromEntries(set) : undefined
}

function shape(spec: Spec): Record<string, unknown> {
  const { user, args, env, cwd, terminal, noNewPrivileges, rlimits, oomScoreAdj, capabilities } = spec.process
  const { sysctl, namespaces, maskedPaths, readonlyPaths, resources } = spec.linux
  return {
    user,
    args,
    env,
    cwd,
    terminal,
    noNewPrivileges,
    rlimits,
    oomScoreAdj,
    capabilities,
    readonly: spec.root.readonly,
    mounts: spec.mounts,
    sysctl,
    namespaces: namespaces.map(({ type }) => type),
    maskedPaths,
    readonlyPaths,
    memory: resources.memory,
    cpu: resources.cpu,
    pids: resources.pids,
  }
}

const asked: readonly (readonly [keyof typeof docker, RunOptions])[] = [
  ['docker28', {}],
  ['nonenet', { network: 'none' }],
  ['hostnet', { network: 'host' }],
  ['hostpid', { pid: 'host' }],
  ['hostipc', { ipc: 'host' }],
  ['cgroupnsprivate', { cgroupns: 'private' }],
  ['addsysadmin', { capAdd: ['SYS_ADMIN'] }],
  ['dropall', { capDrop: ['all'] }],
  ['bind', { volume: ['/DATA/tmp:/b:ro'] }],
  ['device', { device: ['/dev/fuse'] }],
  ['init', { init: true }],
  ['mem', { memory: '64m', memorySwap: '64m', cpus: 0.5, cpuShares: 512, pidsLimit: 50 }],
  ['nnp', { securityOpt: ['no-new-privileges'] }],
  ['readonly', { readOnly: true }],
  ['shm', { shmSize: '128m' }],
  ['sysctl', { sysctl: { 'net.core.somaxconn': '1024' } }],
  ['systempathsunconf', { securityOpt: ['systempaths=unconfined'] }],
  ['tmpfs', { tmpfs: ['/t'] }],
  ['tty', { tty: true }],
  ['ulimit', { ulimit: ['nofile=1024:2048'], oomScoreAdj: 500 }],
  ['unconfined', { securityOpt: ['seccomp=unconfined'] }],
  ['user', { user: '1000:1000' }],
  ['usergroups', { user: '1000', groupAdd: ['44'] }],
]

test.each(asked)('makes what Docker makes: %s', (variant, raw) => {
  expect(shape(specOf(raw))).toEqual(ours(docker[variant]))
})

test('every recorded variant of Docker is compared', () => {
  expect(asked.map(([variant]) => variant).sort()).toEqual(Object.keys(docker).sort())
})

test('is frozen, and the same after JSON', () => {
  const spec = specOf({ memory: '64m', tmpfs: ['/t'] })
  expect(JSON.parse(JSON.stringify(spec))).toEqual(spec)
  expect(Object.isFrozen(spec.linux.resources.memory)).toBe(true)
})

test('equal containers share one seccomp profile', () => {
  expect(specOf({}).linux.seccomp).toBe(specOf({ tty: true }).linux.seccomp)
  expect(specOf({}).linux.seccomp).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 1 })
})

test('the host’s name is the container’s on the host’s network only', () => {
  expect(specOf({ network: 'host' }).hostname).toBe('vm')
  expect(specOf({ uts: 'host' }).process.env).toContain('HOSTNAME=SHORTID00000')
  expect(specOf({ uts: 'host' }).linux.namespaces).not.toContainEqual({ type: 'uts' })
  expect(specOf({ network: 'host', hostname: 'web', domainname: 'lan' })).toMatchObject({
    hostname: 'web',
    domainname: 'lan',
  })
})

test('a container that shares another’s network has its name, and neither a network namespace nor parameters of one', () => {
  const spec = specOf({ network: 'container:web' }, { shared: { hostname: 'web', domainname: 'lan' } })
  expect(spec).toMatchObject({ hostname: 'web', domainname: 'lan' })
  expect(spec.process.env).toContain('HOSTNAME=web')
  expect(spec.linux.sysctl).toEqual({})
  expect(spec.linux.namespaces).not.toContainEqual({ type: 'network' })
  expect(spec.linux.namespaces).toContainEqual({ type: 'uts' })
})

test('a host without cgroup namespaces gives none, nor does one that is asked to share its own', () => {
  expect(specOf({}, { host: { cgroupNamespaces: false } }).linux.namespaces).not.toContainEqual({ type: 'cgroup' })
  expect(specOf({ cgroupns: 'host' }).linux.namespaces).not.toContainEqual({ type: 'cgroup' })
})

const image = { Entrypoint: ['/entry'], Cmd: ['serve'], Env: ['A=1', 'B=2', 'PATH=/image'], WorkingDir: '/srv/../app/' }

test.each([
  [{}, undefined, ['/entry', 'serve']],
  [{}, ['x'], ['/entry', 'x']],
  [{ entrypoint: 'sh' }, undefined, ['sh']],
  [{ entrypoint: ['sh', '-c'] }, ['x'], ['sh', '-c', 'x']],
  [{ entrypoint: '' }, ['x'], ['x']],
])('options %j with command %j run %j', (raw, command, args) => {
  expect(specOf(raw, { image, command: command ?? [] }).process.args).toEqual(args)
})

test.each([
  [{ entrypoint: '' }, image],
  [{}, {}],
  [{}, { Entrypoint: null, Cmd: null }],
])('options %j on an image of %j have no command', (raw, config) => {
  const run = () => specOf(raw, { image: config, command: [] })
  expect(run).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(/^no command specified/) }),
  )
})

test('the environment is PATH, HOSTNAME, TERM, the user’s, the image’s, HOME; later ones replace in place', () => {
  const { env } = specOf({ env: ['Z=1', 'B=3', 'Z=2'], tty: true }, { image }).process
  expect(env).toEqual(['PATH=/image', 'HOSTNAME=SHORTID00000', 'TERM=xterm', 'Z=2', 'B=3', 'A=1', 'HOME=/root'])
})

test('an empty HOME is the user’s directory; a given one stays', () => {
  expect(specOf({ env: { HOME: '' } }).process.env).toContain('HOME=/root')
  expect(specOf({ env: { HOME: '/x' } }).process.env.filter((variable) => variable.startsWith('HOME='))).toEqual([
    'HOME=/x',
  ])
})

test('the working directory is the user’s, the image’s, or the root', () => {
  expect(specOf({ workdir: '/a/./b' }, { image }).process.cwd).toBe('/a/b')
  expect(specOf({}, { image }).process.cwd).toBe('/app')
  expect(specOf({}).process.cwd).toBe('/')
  expect(() => specOf({}, { image: { WorkingDir: 'rel' } })).toThrow("the working directory 'rel' is invalid")
})

const destinations = (mounts: readonly Mount[]) => mounts.map(({ destination }) => destination)

test('mounts that were asked for come shallow first, tmpfs last among equals, and take the place of default ones', () => {
  const volume = ['/etc:/a/b/c', '/usr:/a/b', '/opt:/dev/shm', '/x:/etc/hosts']
  const { mounts } = specOf({ volume, tmpfs: ['/a/t', '/a'] })
  expect(destinations(mounts).slice(6)).toEqual([
    '/a',
    '/a/b',
    '/dev/shm',
    '/etc/hosts',
    '/etc/resolv.conf',
    '/etc/hostname',
    '/a/t',
    '/a/b/c',
  ])
  expect(mounts.filter(({ destination }) => destination === '/etc/hosts')).toHaveLength(1)
})

test('volumes are bound from where they are, images are named, and parts of both are told', () => {
  const { mounts } = specOf({
    volume: ['aa:/a:ro', '/anon'],
    mount: [
      { type: 'volume', source: 'bb', target: '/a/b', volumeOptions: { subpath: 'x' } },
      { type: 'image', source: 'i', target: '/i' },
      { type: 'image', source: 'i', target: '/j', imageOptions: { subpath: 'bin' } },
    ],
  })
  const asked = mounts.filter(({ destination, source }) => !source.startsWith('/c/') && /^\/[aij]/.test(destination))
  expect(asked).toEqual([
    { destination: '/a', type: 'bind', source: '/volumes/aa/_data', options: ['rbind', 'rro', 'rprivate'] },
    { destination: '/i', type: 'image', source: 'sha256:1', options: ['ro'] },
    { destination: '/j', type: 'image', source: 'sha256:1', options: ['ro'], subpath: 'bin' },
    { destination: '/anon', type: 'bind', source: '/volumes/new/_data', options: ['rbind', 'rprivate'] },
    { destination: '/a/b', type: 'bind', source: '/volumes/bb/_data', options: ['rbind', 'rprivate'], subpath: 'x' },
  ])
})

test.each([
  ['enabled', ['rbind', 'rro', 'rprivate']],
  ['disabled', ['bind', 'ro', 'rprivate']],
  ['writable', ['rbind', 'ro', 'rprivate']],
  ['readonly', ['rbind', 'rro', 'rprivate']],
] as const)('a read-only bind whose recursion is %s has the options %j', (recursive, options) => {
  const { mounts } = specOf({ mount: [{ type: 'bind', source: '/h', target: '/x', readOnly: true, recursive }] })
  expect(mounts.find(({ destination }) => destination === '/x')?.options).toEqual(options)
})

test('tmpfs is mounted in the place of what it hides', () => {
  const { mounts } = specOf({ mount: [{ type: 'volume', target: '/x' }], tmpfs: ['/x', '/etc/hosts'] })
  expect(mounts.filter(({ destination }) => destination === '/x').map(({ type }) => type)).toEqual(['tmpfs'])
  expect(mounts.filter(({ destination }) => destination === '/etc/hosts').map(({ type }) => type)).toEqual(['tmpfs'])
})

test('a bind over /dev takes away all that would be in it', () => {
  const { mounts, linux } = specOf({ volume: ['/dev:/dev'] })
  expect(destinations(mounts)).toEqual([
    '/proc',
    '/sys',
    '/sys/fs/cgroup',
    '/dev',
    '/etc/resolv.conf',
    '/etc/hostname',
    '/etc/hosts',
  ])
  expect(linux.devices).toEqual([])
})

const fuse = {
  path: '/dev/fuse',
  type: 'c',
  major: 10,
  minor: 229,
  fileMode: 0o600,
  uid: 0,
  gid: 0,
  permissions: 'rw',
} as const

test('a device gets a node and a rule behind the default ones', () => {
  const { devices, resources } = specOf({ device: ['/dev/fuse'] }, { devices: [fuse] }).linux
  const { permissions: _, ...node } = fuse
  expect(devices.at(-1)).toEqual(node)
  const rule = { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' }
  expect(resources.devices).toEqual([...defaultDeviceRules, rule])
})

test('every container has the harmless device nodes, and the default rules are not repeated', () => {
  const { devices, resources } = specOf({}).linux
  expect(devices.map(({ path, major, minor }) => `${path} ${major}:${minor}`).sort()).toEqual([
    '/dev/full 1:7',
    '/dev/null 1:3',
    '/dev/random 1:8',
    '/dev/tty 5:0',
    '/dev/urandom 1:9',
    '/dev/zero 1:5',
  ])
  expect(resources.devices).toBeUndefined()
})

test('privileged is all that the engine may give, and nothing hidden', () => {
  const spec = specOf({ privileged: true, capDrop: ['ALL'] }, { devices: [fuse] })
  expect(spec.process.capabilities.bounding).toHaveLength(40)
  expect(spec.process.capabilities.effective).not.toContain('CAP_SYS_RESOURCE')
  expect(spec.linux).toMatchObject({ maskedPaths: [], readonlyPaths: [] })
  expect(spec.linux.seccomp).toBeUndefined()
  expect(spec.linux.resources.devices).toEqual([{ allow: true, access: 'rwm' }])
  expect(spec.linux.devices.map(({ path }) => path)).toContain('/dev/fuse')
  const options = Object.fromEntries(spec.mounts.map(({ destination, options }) => [destination, options]))
  expect(options['/sys']).toEqual(['nosuid', 'noexec', 'nodev'])
  expect(options['/sys/fs/cgroup']).toEqual(['nosuid', 'noexec', 'nodev'])
})

test('a privileged container keeps a profile that it asks for', () => {
  const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] } as const
  const spec = specOf({ privileged: true, securityOpt: [{ seccomp }] })
  expect(spec.linux.seccomp).toEqual({
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: [],
  })
})

test.each([
  [{ capAdd: ['all'], capDrop: ['mknod', 'SYS_ADMIN'] }, 38],
  [{ capDrop: ['ALL'], capAdd: ['cap_net_admin', 'Chown'] }, 2],
  [{ capAdd: ['NET_ADMIN'], capDrop: ['NET_ADMIN', 'CHOWN'] }, 14],
  [{ capAdd: ['CHOWN'] }, 14],
])('%j leaves %i capabilities', (raw, count) => {
  expect(specOf(raw).process.capabilities.bounding).toHaveLength(count)
})

test('a capability that the engine lacks is refused by name, not left out', () => {
  const run = () => specOf({ capAdd: ['SYS_RESOURCE'] })
  expect(run).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_HOST' }))
})

test('a user other than root holds no capability, but may get those of the bounding set', () => {
  const { capabilities } = specOf({ user: '7' }).process
  expect(capabilities).toMatchObject({ effective: [], permitted: [], ambient: [], inheritable: [] })
  expect(capabilities.bounding).toHaveLength(14)
})

test('limits that the engine cannot raise are lowered to its own', () => {
  const raw = { ulimit: ['nofile=-1', 'nproc=5:-1'], oomScoreAdj: -500 }
  expect(specOf(raw).process).toMatchObject({
    rlimits: [
      { type: 'RLIMIT_NOFILE', soft: 20_000, hard: 20_000 },
      { type: 'RLIMIT_NPROC', soft: 5, hard: -1 },
    ],
    oomScoreAdj: 0,
  })
  const able = { host: { capabilities: 0x1ffffffffffn } }
  expect(specOf(raw, able).process).toMatchObject({ rlimits: [{ soft: -1, hard: -1 }, {}], oomScoreAdj: -500 })
})

test('init without an init program on the host says what to install; with the host’s pids it is not needed', () => {
  const { initPath: _, ...without } = host
  const config = normalizeOptions(
    'i',
    ['true'],
    { init: true },
    { envFiles: new Map(), processEnv: {}, host: { cpus: 2 } },
  )
  const user = resolveUser('', passwd, undefined, [])
  const run = () =>
    createSpec({
      id,
      config,
      image: {},
      user,
      host: without,
      mounts: [],
      sources,
      files,
      devices: [],
      blockDevices: new Map(),
    })
  expect(run).toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED_HOST', details: expect.objectContaining({ option: 'init' }) }),
  )
  expect(specOf({ init: true, pid: 'host' }).process.args).toEqual(['sleep', '3600'])
})

test('unlimited swap is no limit of swap', () => {
  expect(specOf({ memory: '64m', memorySwap: -1 }).linux.resources.memory).toEqual({ limit: 67_108_864 })
})

test('limits of block I/O have the numbers of the devices that they name', () => {
  const { resources } = specOf({
    blkioWeight: 300,
    deviceReadBps: ['/dev/vda:1mb'],
    deviceCgroupRule: ['c 13:* rw'],
  }).linux
  expect(resources.blockIO).toEqual({
    weight: 300,
    throttleReadBpsDevice: [{ major: 254, minor: 0, rate: 1_048_576 }],
  })
  expect(resources.devices?.at(-1)).toEqual({ allow: true, type: 'c', major: 13, access: 'rw' })
})
