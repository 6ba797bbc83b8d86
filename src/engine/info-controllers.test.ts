import { expect, test } from 'vitest'
import type { CgroupLayout } from '../host/index.js'
import { controllersOf } from './info-controllers.js'

const hierarchy = (version: 1 | 2, ...controllers: string[]) => ({
  version,
  controllers,
  mountpoint: `/cgroup/${controllers[0]}`,
  root: '/',
  mountName: '',
  mountData: '',
})

test('version 1 has what its files tell', () => {
  const layout: CgroupLayout = {
    kind: 'hybrid',
    hierarchies: [hierarchy(1, 'memory'), hierarchy(1, 'cpu', 'cpuacct'), hierarchy(1, 'cpuset'), hierarchy(2)],
  }
  const files = new Set(['/cgroup/cpu/cpu.cfs_quota_us'])
  const { controllers, warnings } = controllersOf(layout, (path) => files.has(path))
  expect(controllers).toEqual({
    MemoryLimit: true,
    SwapLimit: false,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: false,
    OomKillDisable: true,
    CgroupDriver: 'cgroupfs',
    CgroupVersion: '1',
  })
  expect(warnings).toEqual(['WARNING: No swap limit support', 'WARNING: No pids limit support'])
})

test('version 2 has all of them, and kills when memory is short', () => {
  const layout: CgroupLayout = { kind: 'v2', hierarchies: [hierarchy(2, 'cpu', 'cpuset', 'memory', 'pids')] }
  const { controllers, warnings } = controllersOf(layout, () => true)
  expect(controllers).toMatchObject({ SwapLimit: true, OomKillDisable: false, CgroupVersion: '2' })
  expect(warnings).toEqual([])
})
