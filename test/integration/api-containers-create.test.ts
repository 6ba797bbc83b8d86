import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { command, type TestApi, testApi } from '../support/api.js'

let api: TestApi

beforeAll(async () => {
  api = await testApi(['busybox'])
})

afterEach(async () => {
  for (const { id } of await api.engine.containers.list({ all: true }))
    await (await api.engine.containers.get(id)).remove({ force: true, volumes: true })
})

afterAll(() => api[Symbol.asyncDispose]())

const create = (document: object, query = '', version = '1.41') =>
  api.request('POST', `/v${version}/containers/create${query}`, document)

/** What is told of a container that was made. */
async function made(document: object, version = '1.41') {
  const answer = await create({ Image: 'busybox', ...document }, '', version)
  expect(answer).toMatchObject({ status: 201, document: { Warnings: [] } })
  return (await api.request('GET', `/v${version}/containers/${answer.document.Id}/json`)).document
}

// What dockerd 20.10 tells of it, but for its longer names of capabilities.
const config = {
  Hostname: 'web',
  Domainname: 'example.org',
  User: '1000:1000',
  AttachStdin: false,
  AttachStdout: true,
  AttachStderr: true,
  Tty: false,
  OpenStdin: true,
  StdinOnce: true,
  Cmd: ['sleep', '100'],
  Entrypoint: ['/bin/busybox'],
  Image: 'busybox',
  Labels: { a: 'b' },
  Volumes: { '/anonymous': {} },
  WorkingDir: '/tmp',
  StopSignal: 'SIGINT',
  StopTimeout: 7,
  Healthcheck: { Test: ['CMD', 'true'], Interval: 1e9, Timeout: 2e9, Retries: 4, StartPeriod: 3e9 },
  MacAddress: '02:42:ac:11:00:99',
}

const hostConfig = {
  Binds: ['/tmp:/hosttmp:ro', 'named:/vol'],
  Mounts: [
    { Type: 'tmpfs', Target: '/t1', TmpfsOptions: { SizeBytes: 1_048_576, Mode: 0o700 } },
    { Type: 'bind', Source: '/etc', Target: '/hostetc', ReadOnly: true, BindOptions: { Propagation: 'rslave' } },
    { Type: 'volume', Source: 'other', Target: '/v2', VolumeOptions: { NoCopy: true, Labels: { x: 'y' } } },
  ],
  Tmpfs: { '/t2': 'size=1m,mode=700' },
  Memory: 67_108_864,
  MemorySwap: 134_217_728,
  MemoryReservation: 33_554_432,
  MemorySwappiness: 10,
  NanoCpus: 500_000_000,
  CpuShares: 512,
  CpusetCpus: '0',
  PidsLimit: 50,
  OomScoreAdj: 500,
  Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
  Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/nul2', CgroupPermissions: 'rw' }],
  DeviceCgroupRules: ['c 1:3 rwm'],
  PortBindings: {
    '22/udp': [{ HostIp: '', HostPort: '12022' }],
    '80/tcp': [
      { HostIp: '127.0.0.1', HostPort: '' },
      { HostIp: '', HostPort: '18080' },
    ],
  },
  ReadonlyRootfs: true,
  Dns: ['8.8.8.8'],
  DnsOptions: ['ndots:1'],
  DnsSearch: ['a.example'],
  ExtraHosts: ['x:1.2.3.4'],
  CapAdd: ['CAP_NET_ADMIN'],
  CapDrop: ['CAP_MKNOD'],
  GroupAdd: ['5'],
  RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 },
  NetworkMode: 'bridge',
  IpcMode: 'shareable',
  CgroupnsMode: 'private',
  SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'],
  Sysctls: { 'net.ipv4.ip_forward': '1' },
  Init: true,
  ShmSize: 1_048_576,
  LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
}

test('what is asked for is what inspect tells', async () => {
  const document = { ...config, Env: ['A=1', 'B'], ExposedPorts: { '90': {} }, HostConfig: hostConfig }
  const { Config, HostConfig } = await made(document)
  expect(Config).toMatchObject({
    ...config,
    Env: ['A=1', 'B', expect.stringMatching(/^PATH=/)],
    ExposedPorts: { '22/udp': {}, '80/tcp': {}, '90/tcp': {} },
  })
  expect(HostConfig).toMatchObject(hostConfig)
})

test('null is nothing said, as clients in Go send it', async () => {
  const nothing = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, null]))
  const { Config, HostConfig } = await made({
    ...nothing([...Object.keys(config), 'Env', 'ExposedPorts', 'NetworkingConfig', 'Shell', 'OnBuild']),
    Image: 'busybox',
    HostConfig: nothing([...Object.keys(hostConfig), 'Links', 'VolumesFrom', 'DeviceRequests', 'MaskedPaths']),
  })
  expect(Config).toMatchObject({ Cmd: ['sh'], Tty: false, OpenStdin: false, AttachStdout: false })
  expect(HostConfig).toMatchObject({ NetworkMode: 'bridge', RestartPolicy: { Name: 'no' }, Binds: null })
})

test('what is not known is passed over, and wrong types are refused', async () => {
  await made({ NotDockers: 1, HostConfig: { Neither: { at: 'all' } } })
  for (const wrong of [{ Image: 5 }, { Env: 'A=1' }, { HostConfig: { Memory: '64m' } }, { HostConfig: [] }])
    expect(await create({ Image: 'busybox', ...wrong })).toMatchObject({
      status: 400,
      document: { message: expect.stringMatching(/^invalid request: /) },
    })
})

test("a variable's name alone takes the image's away, and none of this process comes in", async () => {
  const { Id } = await made({ Env: ['PATH', 'HOME=/x'], Cmd: ['/bin/env'] })
  const container = await api.engine.containers.get(Id)
  await container.start()
  await container.wait()
  expect((await container.logs().text()).split('\n').sort()).toEqual(['', 'HOME=/x', `HOSTNAME=${Id.slice(0, 12)}`])
})

test('a command may be one word, and no words as entrypoint leave the command of the image', async () => {
  expect(await made({ Cmd: 'ls' })).toMatchObject({ Path: 'ls', Args: [] })
  expect(await made({ Entrypoint: [] })).toMatchObject({ Path: 'sh', Args: [] })
})

test('paths of the kernel are hidden and shown as it is asked', async () => {
  const open = await made({ HostConfig: { MaskedPaths: [], ReadonlyPaths: [] } })
  expect(open.HostConfig).toMatchObject({ MaskedPaths: [], ReadonlyPaths: [] })
  const paths = { MaskedPaths: ['/proc/version'], ReadonlyPaths: ['/proc/sys'] }
  const some = await made({
    Cmd: ['sh', '-c', 'cat /proc/version | wc -c; cat /proc/uptime | wc -w'],
    HostConfig: paths,
  })
  expect(some.HostConfig).toMatchObject(paths)
  const container = await api.engine.containers.get(some.Id)
  await container.start()
  await container.wait()
  expect(await container.logs().text()).toBe('0\n2\n')
})

test('a profile for seccomp is taken as it is', async () => {
  const profile = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' }] }
  const { Id } = await made({
    Cmd: ['mkdir', '/x'],
    HostConfig: { SecurityOpt: [`seccomp=${JSON.stringify(profile)}`] },
  })
  const container = await api.engine.containers.get(Id)
  await container.start()
  expect(await container.wait()).toMatchObject({ exitCode: 1 })
  expect(await container.logs().text()).toContain('Operation not permitted')
})

test('a bind makes its source where it is asked to', async () => {
  const source = `${api.directory}/made/here`
  const { Mounts } = await made({
    HostConfig: { Mounts: [{ Type: 'bind', Source: source, Target: '/x', BindOptions: { CreateMountpoint: true } }] },
  })
  expect(Mounts).toMatchObject([{ Type: 'bind', Source: source, Destination: '/x', RW: true }])
})

test('warnings tell what is done in another way', async () => {
  const HostConfig = { NetworkMode: 'host', PortBindings: { '80/tcp': [{ HostPort: '80' }] }, OomKillDisable: true }
  expect(await create({ Image: 'busybox', HostConfig })).toMatchObject({
    status: 201,
    document: {
      Warnings: [
        'Published ports are discarded when using host network mode',
        expect.stringMatching(/^OOM killer is disabled for the container, but no memory limit is set/),
      ],
    },
  })
})

describe('a name', () => {
  test('may have its slash, and belongs to one', async () => {
    const { document } = await create({ Image: 'busybox' }, '?name=/one')
    expect((await api.request('GET', '/containers/one/json')).document).toMatchObject({ Id: document.Id, Name: '/one' })
    expect(await create({ Image: 'busybox' }, '?name=one')).toMatchObject({
      status: 409,
      document: {
        message: expect.stringMatching(`^Conflict. The container name "/one" is already in use by container`),
      },
    })
  })

  test.each(['a', 'a b', '%2F'])('%s is none', async (name) => {
    expect(await create({ Image: 'busybox' }, `?name=${encodeURIComponent(name)}`)).toMatchObject({
      status: 400,
      document: { message: expect.stringMatching(/^Invalid container name/) },
    })
  })
})

test.each([
  [{ Image: 'nope' }, '', 404, /^No such image: nope:latest$/],
  [{ Image: 'busybox' }, '?platform=linux/arm64', 404, /^image with reference busybox was found but does not/],
  [{}, '', 400, /image/],
  [{ Image: 'busybox', HostConfig: { NetworkMode: 'nope' } }, '', 400, /^network nope not found/],
  [{ Image: 'busybox', HostConfig: { NetworkMode: 'container:nope' } }, '', 400, /^No such container: nope/],
  [{ Image: 'busybox', HostConfig: { Links: ['nope:x'] } }, '', 400, /^could not get container for nope/],
  [{ Image: 'busybox', HostConfig: { VolumesFrom: ['nope'] } }, '', 400, /^No such container: nope/],
  [{ Image: 'busybox', User: 'nope' }, '', 400, /^unable to find user nope/],
  [{ Image: 'busybox', HostConfig: { Runtime: 'nope' } }, '', 400, /^Unknown runtime specified nope/],
  [{ Image: 'busybox', HostConfig: { StorageOpt: { size: '1G' } } }, '', 400, /^--storage-opt is not supported/],
  [{ Image: 'busybox', HostConfig: { Isolation: 'hyperv' } }, '', 400, /^invalid isolation 'hyperv'/],
  [{ Image: 'busybox', HostConfig: { Memory: 100 } }, '', 400, /^Minimum memory limit allowed is 6MB/],
  [{ Image: 'busybox', HostConfig: { Mounts: [{ Type: 'foo', Target: '/x' }] } }, '', 400, /mount type unknown/],
  [{ Image: 'busybox', HostConfig: { RestartPolicy: { Name: 'x' } } }, '', 400, /^invalid restart policy 'x'/],
  [
    { Image: 'busybox', HostConfig: { DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }] } },
    '',
    400,
    /^could not select device driver "" with capabilities: \[\[gpu\]\]/,
  ],
])('%j%s is refused', async (document, query, status, message) => {
  const answer = await create(document, query)
  expect({ status: answer.status, message: answer.document.message }).toEqual({
    status,
    message: expect.stringMatching(message),
  })
  expect(await api.engine.containers.list({ all: true })).toEqual([])
})

describe('networks', () => {
  beforeAll(async () => {
    await api.engine.networks.create('n1', { subnet: '10.92.1.0/24' })
    await api.engine.networks.create('n2', { subnet: '10.92.2.0/24' })
  })

  afterAll(() => api.engine.networks.prune())

  const asked = {
    n1: { IPAMConfig: { IPv4Address: '10.92.1.7' }, Aliases: ['one'] },
    n2: { IPAMConfig: { IPv4Address: '10.92.2.7' }, Aliases: ['two'], MacAddress: '02:42:00:00:00:22', Links: null },
  }

  test('are several where the version has that', async () => {
    const { Id } = await made(
      {
        Cmd: ['sleep', '100'],
        StopTimeout: 0,
        HostConfig: { NetworkMode: 'n2' },
        NetworkingConfig: { EndpointsConfig: asked },
      },
      '1.44',
    )
    await (await api.engine.containers.get(Id)).start()
    const { document } = await api.request('GET', `/v1.47/containers/${Id}/json`)
    expect(document.NetworkSettings.Networks).toMatchObject({
      n1: { IPAddress: '10.92.1.7', Aliases: ['one'], DNSNames: expect.arrayContaining(['one', Id.slice(0, 12)]) },
      n2: { IPAddress: '10.92.2.7', Aliases: ['two'], MacAddress: '02:42:00:00:00:22' },
    })
    expect(Object.keys(document.NetworkSettings.Networks)).toEqual(['n2', 'n1'])
    // Older versions have its own names among the aliases.
    const { document: older } = await api.request('GET', `/v1.41/containers/${Id}/json`)
    expect(older.NetworkSettings.Networks.n1.Aliases).toEqual(['one', Id.slice(0, 12)])
  })

  test('are one in older versions', async () => {
    expect(await create({ Image: 'busybox', NetworkingConfig: { EndpointsConfig: asked } })).toMatchObject({
      status: 400,
      document: { message: 'Container cannot be connected to network endpoints: n1, n2' },
    })
  })

  test('of the endpoints count, when the mode says nothing', async () => {
    const { HostConfig, NetworkSettings } = await made({ NetworkingConfig: { EndpointsConfig: { n1: {} } } })
    expect(HostConfig.NetworkMode).toBe('n1')
    expect(Object.keys(NetworkSettings.Networks)).toEqual(['n1'])
  })

  test.each(['host', 'none'])('cannot be had beside %s', async (NetworkMode) => {
    const EndpointsConfig = { [NetworkMode]: {}, n1: {} }
    expect(
      await create(
        { Image: 'busybox', HostConfig: { NetworkMode }, NetworkingConfig: { EndpointsConfig } },
        '',
        '1.47',
      ),
    ).toMatchObject({
      status: 400,
      document: { message: expect.stringMatching(/cannot be connected to any other network/) },
    })
  })
})

describe.each(['/usr/bin/docker', '/usr/local/bin/docker'])('%s create', (program) => {
  const docker = (...args: string[]) => command(program, args, { env: api.env })
  // biome-ignore format: a command line
  const flags = [
    '-it', '-p', '127.0.0.1:8080:80', '--expose', '90', '-v', '/data', '-v', '/tmp:/x:ro', '--mount', 'type=tmpfs,target=/tt,tmpfs-size=1m',
    '--tmpfs', '/t2:size=1m', '--label', 'a=b', '-e', 'A=b', '--memory', '64m', '--cpus', '0.5', '--pids-limit', '10',
    '--restart', 'on-failure:3', '--health-cmd', 'true', '--health-interval', '2s', '--ulimit', 'nofile=10:20', '--dns', '1.1.1.1',
    '--add-host', 'x:1.2.3.4', '--cap-add', 'NET_ADMIN', '--security-opt', 'no-new-privileges', '--security-opt', 'systempaths=unconfined',
    '--init', '--hostname', 'host', '--stop-timeout', '3', '--stop-signal', 'INT', '--log-opt', 'max-size=1m', '--sysctl', 'net.core.somaxconn=100',
    '--user', '7:8', '--workdir', '/w', '--entrypoint', '/bin/echo', '--read-only', '--shm-size', '1m', '--group-add', '5', '--oom-score-adj', '5',
    '--device', '/dev/null:/dev/null2:r', '--ipc', 'none', '--cgroupns', 'host', '--mac-address', '02:42:ac:11:00:99',
  ]

  test('passes on all its options', async () => {
    expect(await docker('create', '--name', 'one', ...flags, 'busybox', 'hello')).toMatchObject({ code: 0, stderr: '' })
    const { document } = await api.request('GET', '/containers/one/json')
    expect(document).toMatchObject({ Path: '/bin/echo', Args: ['hello'] })
    expect(document.Config).toMatchObject({
      ...{
        Hostname: 'host',
        User: '7:8',
        WorkingDir: '/w',
        StopSignal: 'INT',
        StopTimeout: 3,
        Tty: true,
        OpenStdin: true,
      },
      ...{
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        StdinOnce: true,
        MacAddress: '02:42:ac:11:00:99',
      },
      Labels: { a: 'b' },
      Env: ['A=b', expect.stringMatching(/^PATH=/)],
      ExposedPorts: { '80/tcp': {}, '90/tcp': {} },
      Volumes: { '/data': {} },
      Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 2e9 },
    })
    expect(document.HostConfig).toMatchObject({
      ...{ Memory: 67_108_864, NanoCpus: 500_000_000, PidsLimit: 10, ShmSize: 1_048_576, OomScoreAdj: 5, Init: true },
      ...{ IpcMode: 'none', CgroupnsMode: 'host', NetworkMode: 'bridge', ReadonlyRootfs: true, MaskedPaths: [] },
      ...{ Dns: ['1.1.1.1'], ExtraHosts: ['x:1.2.3.4'], GroupAdd: ['5'], CapAdd: ['CAP_NET_ADMIN'] },
      SecurityOpt: ['no-new-privileges'],
      Sysctls: { 'net.core.somaxconn': '100' },
      Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
      PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }] },
      Binds: ['/tmp:/x:ro'],
      Tmpfs: { '/t2': 'size=1m' },
      Mounts: [{ Type: 'tmpfs', Target: '/tt', TmpfsOptions: { SizeBytes: 1_048_576 } }],
      Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/null2', CgroupPermissions: 'r' }],
    })
  })

  test('tells that the image is missing, and pulls nothing for what else is', async () => {
    const refused = await docker('create', '--network', 'nope', 'busybox')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('network nope not found') })
    expect(refused.stderr).not.toContain('Unable to find image')
    expect(await docker('create', '--pull', 'never', 'nope')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('No such image: nope:latest'),
    })
  })
})
