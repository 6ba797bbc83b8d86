import { expect, test } from 'vitest'
import { compileCgroups, freezerOf, type Hierarchy } from './cgroups.js'

const v1 = (name: string): Hierarchy => ({
  version: 1,
  controllers: [name],
  parent: `/cg/${name}/p`,
  mountName: name,
  mountData: name,
})
const hybrid: Hierarchy[] = [
  ...['memory', 'cpu', 'cpuset', 'pids', 'devices'].map(v1),
  { version: 2, controllers: [], parent: '/cg/unified/p', mountName: 'unified', mountData: '' },
]
const unified: Hierarchy[] = [
  { version: 2, controllers: ['memory', 'cpu', 'cpuset', 'pids'], parent: '/cg/p', mountName: '', mountData: '' },
]

test('a container without limits has its directories and writes nothing', () => {
  const { directories, knobs, oomCounter, unified: born } = compileCgroups(hybrid, 'id', {}, [])
  expect(directories.map(({ join }) => join)).toEqual([
    '/cg/memory/p/id/tasks',
    '/cg/cpu/p/id/tasks',
    '/cg/cpuset/p/id/tasks',
    '/cg/pids/p/id/tasks',
    '/cg/devices/p/id/tasks',
    '/cg/unified/p/id/cgroup.procs',
  ])
  expect({ knobs, oomCounter, born }).toEqual({ knobs: [], oomCounter: undefined, born: '/cg/unified/p/id' })
})

test('a container is frozen by version 2 where there is one, because what it has frozen can be killed', () => {
  const legacy = [v1('memory'), v1('freezer')]
  const freezers = [hybrid, unified, legacy, [v1('memory')]].map((hierarchies) => freezerOf(hierarchies, 'id'))
  expect(freezers.map((freezer) => freezer && `${freezer.frozen}|${freezer.thawed} > ${freezer.path}`)).toEqual([
    '1|0 > /cg/unified/p/id/cgroup.freeze',
    '1|0 > /cg/p/id/cgroup.freeze',
    'FROZEN|THAWED > /cg/freezer/p/id/freezer.state',
    undefined,
  ])
})

test('limits are v1 files on v1, the limit of memory before that of swap', () => {
  const resources = {
    memory: { limit: 64, swap: 128, reservation: 32 },
    cpu: { shares: 512, quota: 50000, period: 100000, cpus: '0-1' },
    pids: { limit: 7 },
  }
  const { knobs, oomCounter } = compileCgroups(hybrid, 'id', resources, [])
  expect(knobs.map(({ path, value }) => `${path}=${value}`)).toEqual([
    '/cg/memory/p/id/memory.limit_in_bytes=64',
    '/cg/memory/p/id/memory.soft_limit_in_bytes=32',
    '/cg/memory/p/id/memory.memsw.limit_in_bytes=128',
    '/cg/cpu/p/id/cpu.shares=512',
    '/cg/cpu/p/id/cpu.cfs_period_us=100000',
    '/cg/cpu/p/id/cpu.cfs_quota_us=50000',
    '/cg/cpuset/p/id/cpuset.cpus=0-1',
    '/cg/pids/p/id/pids.max=7',
  ])
  expect(oomCounter).toBe('/cg/memory/p/id/memory.oom_control')
})

test('limits are v2 files on v2: swap alone, shares as a weight, unlimited as max', () => {
  const resources = { memory: { limit: 64, swap: 128 }, cpu: { shares: 1024, quota: 50000 }, pids: { limit: -1 } }
  const { knobs, oomCounter } = compileCgroups(unified, 'id', resources, [])
  expect(knobs.map(({ path, value }) => `${path}=${value}`)).toEqual([
    '/cg/p/id/memory.max=64',
    '/cg/p/id/memory.swap.max=64',
    '/cg/p/id/cpu.weight=39',
    '/cg/p/id/cpu.max=50000 100000',
    '/cg/p/id/pids.max=max',
  ])
  expect(oomCounter).toBe('/cg/p/id/memory.events')
})

test('a device list is written rule by rule where v1 has the controller', () => {
  const devices = [
    { allow: false, access: 'rwm' },
    { allow: true, type: 'c' as const, major: 1, minor: 3, access: 'rwm' },
    { allow: true, type: 'c' as const, major: 136, access: 'rw' },
  ]
  const { knobs } = compileCgroups(hybrid, 'id', { devices }, [])
  expect(knobs.map(({ path, value }) => [path.split('/').at(-1), value])).toEqual([
    ['devices.deny', 'a'],
    ['devices.allow', 'c 1:3 rwm'],
    ['devices.allow', 'c 136:* rw'],
  ])
})

test('block I/O is weighed and throttled by one line for each device', () => {
  const device = { major: 8, minor: 0 }
  const blockIO = {
    weight: 300,
    weightDevice: [{ ...device, weight: 1000 }],
    throttleReadBpsDevice: [{ ...device, rate: 1024 }],
    throttleWriteIOPSDevice: [{ ...device, rate: 0 }],
  }
  const linesOn = (hierarchies: readonly Hierarchy[]) =>
    compileCgroups(hierarchies, 'id', { blockIO }, []).knobs.map(
      ({ path, value, optional }) => `${path.split('/').at(-1)}=${value}${optional ? ' or not' : ''}`,
    )
  expect(linesOn([{ ...(hybrid[0] as Hierarchy), controllers: ['blkio'] }])).toEqual([
    'blkio.weight=300 or not',
    'blkio.bfq.weight=300 or not',
    'blkio.weight_device=8:0 1000 or not',
    'blkio.bfq.weight_device=8:0 1000 or not',
    'blkio.throttle.read_bps_device=8:0 1024',
    'blkio.throttle.write_iops_device=8:0 0',
  ])
  expect(linesOn([{ ...(unified[0] as Hierarchy), controllers: ['io'] }])).toEqual([
    'io.weight=default 2930 or not',
    'io.bfq.weight=300 or not',
    'io.weight=8:0 10000 or not',
    'io.bfq.weight=8:0 1000 or not',
    'io.max=8:0 rbps=1024',
    'io.max=8:0 wiops=max',
  ])
})
