import { describe, expect, it } from 'vitest'
import { failureOf } from './fixture.js'
import { cgroupLayout, detectCgroups } from './index.js'

const none = () => []
const rootMount = '23 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw'

describe('cgroupLayout', () => {
  it('knows a pure v2 host, with the controllers it offers', () => {
    const mountinfo = `${rootMount}\n35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n`
    const layout = cgroupLayout(mountinfo, '0::/user.slice\n', () => ['cpu', 'memory'])
    expect(layout.kind).toBe('v2')
    expect(layout.hierarchies).toEqual([layout.unified])
    expect(layout.unified).toEqual({
      version: 2,
      controllers: ['cpu', 'memory'],
      mountpoint: '/sys/fs/cgroup',
      root: '/',
      mountName: '',
      mountData: '',
    })
  })

  it('knows controllers that are mounted together, whatever the order and name of their mount', () => {
    const mountinfo = [
      '31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755',
      '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpuacct,cpu',
      '33 31 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd',
    ].join('\n')
    const layout = cgroupLayout(mountinfo, '2:cpu,cpuacct:/a\n1:name=systemd:/b\n', none)
    expect(layout.kind).toBe('v1')
    expect(layout.unified).toBeUndefined()
    expect(layout.hierarchies.map(({ mountName, mountData }) => [mountName, mountData])).toEqual([
      ['cpu,cpuacct', 'cpu,cpuacct'],
      ['systemd', 'none,name=systemd'],
    ])
  })

  it('knows a hybrid host, v2 last', () => {
    const mountinfo = [
      '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
      '32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
    ].join('\n')
    const layout = cgroupLayout(mountinfo, '1:memory:/\n0::/\n', none)
    expect(layout.kind).toBe('hybrid')
    expect(layout.hierarchies.map(({ version }) => version)).toEqual([1, 2])
    expect(layout.unified?.mountName).toBe('unified')
  })

  it('tells which cgroup a surrounding container shows as the root', () => {
    const mountinfo = '32 31 0:29 /docker/abc\\040d /sys/fs/cgroup/my\\040pids ro - cgroup cgroup rw,pids'
    const layout = cgroupLayout(mountinfo, '1:pids:/docker/abc d\n', none)
    expect(layout.hierarchies[0]).toMatchObject({
      root: '/docker/abc d',
      mountpoint: '/sys/fs/cgroup/my pids',
      mountName: 'pids',
    })
  })

  it('takes the first of several mounts of a hierarchy, and none that belongs to nobody', () => {
    const mountinfo = [
      '32 31 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids',
      '50 31 0:29 / /elsewhere rw - cgroup cgroup rw,pids',
      '51 31 0:99 / /stale rw - cgroup cgroup rw,net_cls',
    ].join('\n')
    const layout = cgroupLayout(mountinfo, '1:pids:/\n', none)
    expect(layout.hierarchies.map(({ mountpoint }) => mountpoint)).toEqual(['/sys/fs/cgroup/pids'])
  })

  it('says how to mount cgroups where there are none', () => {
    expect(failureOf(() => cgroupLayout(rootMount, '0::/\n', none))).toMatchObject({
      code: 'UNSUPPORTED_HOST',
      details: { feature: 'cgroups', hint: 'mount -t cgroup2 none /sys/fs/cgroup' },
    })
  })
})

it('detectCgroups finds this host’s hierarchies', () => {
  const { hierarchies } = detectCgroups()
  expect(hierarchies.flatMap(({ controllers }) => controllers)).toEqual(expect.arrayContaining(['memory', 'pids']))
})
