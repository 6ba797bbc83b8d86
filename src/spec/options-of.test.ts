import { expect, test } from 'vitest'
import { normalizeOptions } from './normalize.js'
import type { RunOptions } from './options.js'
import { optionsOf } from './options-of.js'

const context = { envFiles: new Map([['/env', 'FROM_FILE=1']]), processEnv: { INHERITED: 'yes' }, host: { cpus: 4 } }
const normalize = (command: readonly string[] | undefined, options: RunOptions) =>
  normalizeOptions('image', command, options, context)

test('the options of a configuration make the same configuration', () => {
  const config = normalize(['program', 'argument'], {
    entrypoint: ['/entry', 'point'],
    env: { A: '1', INHERITED: undefined, EMPTY: '', WITH: 'a=b' },
    envFile: '/env',
    user: 'me:us',
    workdir: '/work',
    domainname: 'example.org',
    tty: true,
    interactive: true,
    attach: ['stdin', 'stdout'],
    stdinOnce: false,
    readOnly: true,
    tmpfs: ['/tmp:size=64m,mode=1777', '/run'],
    volume: ['/host:/one:ro', '/other:/two', '/third:/three:ro,rslave'],
    mount: [
      {
        type: 'bind',
        source: '/etc',
        target: '/etc-of-host',
        readOnly: true,
        recursive: 'disabled',
        createSource: true,
      },
      { type: 'image', source: 'tools', target: '/tools', imageOptions: { subpath: 'bin' } },
      { type: 'tmpfs', target: '/memory', readOnly: true, tmpfsOptions: { size: '10m', mode: 0o700 } },
    ],
    volumeDriver: 'local',
    publish: ['80', { port: 53, protocol: 'udp', hostAddress: '127.0.0.1' }],
    publishAll: true,
    expose: ['8000-8002'],
    capAdd: ['NET_ADMIN'],
    capDrop: ['CHOWN'],
    securityOpt: ['no-new-privileges', 'systempaths=unconfined', 'seccomp=unconfined'],
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: ['/proc/sys'],
    memory: '64m',
    memorySwap: -1,
    memoryReservation: '32m',
    memorySwappiness: 10,
    cpus: 1.5,
    cpuShares: 512,
    pidsLimit: 100,
    blkioWeight: 300,
    deviceReadBps: ['/dev/null:1mb'],
    ulimit: ['nofile=1024:4096', 'core=0'],
    device: ['/dev/null:/dev/nothing:r'],
    deviceCgroupRule: ['c 13:* rmw'],
    cgroupParent: '/parent',
    sysctl: { 'net.core.somaxconn': '100' },
    label: { one: 'a=b', two: '' },
    init: true,
    logDriver: 'local',
    logOpt: { maxSize: '10m', maxFile: 2 },
    restart: 'on-failure:3',
    shmSize: '128m',
    stopSignal: 'SIGINT',
    stopTimeout: 3,
    groupAdd: ['audio'],
    addHost: ['here:127.0.0.1'],
    dns: ['192.0.2.1'],
    dnsSearch: ['example.org'],
    dnsOption: ['ndots:2'],
    pid: 'host',
    ipc: 'shareable',
    cgroupns: 'host',
    oomScoreAdj: 100,
    platform: 'linux/amd64',
    healthcheck: { test: 'true', interval: '1m', timeout: 500, retries: 2, startPeriod: 10, startInterval: '2s' },
  })
  expect(normalize(config.command, optionsOf(config))).toEqual(config)
})

test('the options of a configuration that says nothing make one that says nothing', () => {
  const config = normalize(undefined, {})
  expect(normalize(config.command, optionsOf(config))).toEqual(config)
})

test('periods, removal, another entrypoint and no variables of the image stay', () => {
  const config = normalize([], {
    entrypoint: '',
    env: { PATH: null, A: 'b=c' },
    cpuPeriod: 50_000,
    cpuQuota: 25_000,
    rm: true,
    logDriver: 'none',
    healthcheck: { test: ['NONE'] },
  })
  expect(normalize(config.command, optionsOf(config))).toEqual(config)
})

test('names, addresses, volumes and ports of the host are left out', () => {
  const config = normalize(['true'], {
    name: 'one',
    hostname: 'one',
    network: 'net',
    ip: '10.0.0.2',
    macAddress: '02:42:00:00:00:01',
    networkAlias: ['alias'],
    link: ['other:alias'],
    volume: ['data:/data', '/anonymous'],
    mount: [{ type: 'volume', source: 'more', target: '/more' }],
    volumesFrom: ['other'],
    publish: ['127.0.0.1:8080:80', '9000-9001:90-91'],
  })
  const left = normalize(config.command, optionsOf(config))
  expect(left.ports.map(({ hostPort }) => hostPort)).toEqual([
    [0, 0],
    [0, 0],
    [0, 0],
  ])
  expect(left).toMatchObject({
    hostname: '',
    network: 'bridge',
    links: [],
    networkAliases: [],
    mounts: [],
    volumesFrom: [],
  })
  expect(left.ip ?? left.macAddress).toBeUndefined()
})
