import { expect, test } from 'vitest'
import { parseNetDev } from './stats.js'
import { readCgroups } from './stats-cgroups.js'
import { noBlkio, noCpu, type StatsDocument } from './stats-document.js'
import { figuresOf } from './stats-figures.js'

const cpu = (total: number, system: number) => ({
  ...noCpu,
  cpu_usage: { ...noCpu.cpu_usage, total_usage: total },
  system_cpu_usage: system,
  online_cpus: 2,
})
const document: StatsDocument = {
  read: '2026-11-21T05:10:28.8Z',
  preread: '2026-11-21T05:10:27.8Z',
  pids_stats: { current: 3 },
  blkio_stats: {
    ...noBlkio,
    io_service_bytes_recursive: [
      { major: 8, minor: 0, op: 'Read', value: 4096 },
      { major: 8, minor: 16, op: 'Write', value: 512 },
      { major: 8, minor: 16, op: 'Sync', value: 4608 },
    ],
  },
  num_procs: 0,
  storage_stats: {},
  cpu_stats: cpu(3_500_000_000, 102_000_000_000),
  precpu_stats: cpu(2_000_000_000, 100_000_000_000),
  memory_stats: { usage: 3000, limit: 8000, stats: { total_inactive_file: 1000, inactive_file: 7 } },
  name: '/web',
  id: 'f00',
  networks: {
    eth0: { ...nothing(), rx_bytes: 10, tx_bytes: 20 },
    eth1: { ...nothing(), rx_bytes: 1, tx_bytes: 2 },
  },
}

function nothing() {
  return {
    rx_bytes: 0,
    rx_packets: 0,
    rx_errors: 0,
    rx_dropped: 0,
    tx_bytes: 0,
    tx_packets: 0,
    tx_errors: 0,
    tx_dropped: 0,
  }
}

test("figures are those of Docker's client", () => {
  expect(figuresOf(document)).toEqual({
    id: 'f00',
    name: 'web',
    readAt: new Date('2026-11-21T05:10:28.800Z'),
    cpuPercent: 150,
    memoryUsage: 2000,
    memoryLimit: 8000,
    memoryPercent: 25,
    netRx: 11,
    netTx: 22,
    blockRead: 4096,
    blockWrite: 512,
    pids: 3,
    document,
  })
})

test('without a measurement before there is no share of the CPUs', () => {
  expect(figuresOf({ ...document, precpu_stats: noCpu }).cpuPercent).toBe(0)
})

test('cgroup v2 has one counter of cached files; what is more than all does not count', () => {
  const of = (stats: Record<string, number>) =>
    figuresOf({ ...document, memory_stats: { usage: 3000, limit: 0, stats } })
  expect(of({ inactive_file: 500 })).toMatchObject({ memoryUsage: 2500, memoryPercent: 0 })
  expect(of({ inactive_file: 5000 })).toMatchObject({ memoryUsage: 3000 })
})

const files = (contents: Record<string, string>) => (path: string) => contents[path] ?? ''
const legacy = (...controllers: string[]) => ({ version: 1 as const, controllers, path: `/${controllers[0]}` })

test('cgroups of version 1 are told in their own way', () => {
  const read = files({
    '/cpu/cpu.stat': 'nr_periods 5\nnr_throttled 2\nthrottled_time 700\n',
    '/cpu/cpuacct.usage': '28288259\n',
    '/cpu/cpuacct.usage_percpu': '10142679 18145580 \n',
    '/cpu/cpuacct.stat': 'user 3\nsystem 4\n',
    '/memory/memory.usage_in_bytes': '2723840\n',
    '/memory/memory.max_usage_in_bytes': '3833856\n',
    '/memory/memory.limit_in_bytes': '9223372036854771712\n',
    '/memory/memory.failcnt': '6\n',
    '/memory/memory.stat': 'cache 10\nswap 4\ntotal_inactive_file 11\n',
    '/pids/pids.current': '2\n',
    '/pids/pids.max': 'max\n',
    '/blkio/blkio.throttle.io_service_bytes_recursive': '8:0 Read 4096\n8:0 Total 4096\nTotal 4096\n',
  })
  const cgroups = [legacy('cpu', 'cpuacct'), legacy('memory'), legacy('pids'), legacy('blkio')]
  const { cpu, memory, pids, blkio } = readCgroups(cgroups, 1e9, read)
  expect(cpu).toEqual({
    cpu_usage: {
      total_usage: 28_288_259,
      percpu_usage: [10_142_679, 18_145_580],
      usage_in_kernelmode: 40_000_000,
      usage_in_usermode: 30_000_000,
    },
    throttling_data: { periods: 5, throttled_periods: 2, throttled_time: 700 },
  })
  expect(memory).toMatchObject({ usage: 2_723_840, max_usage: 3_833_856, limit: 1e9, failcnt: 6 })
  expect(memory.stats).toMatchObject({ cache: 10, total_inactive_file: 11, rss: 0 })
  expect(memory.stats).not.toHaveProperty('swap')
  expect(pids).toEqual({ current: 2 })
  expect(blkio.io_service_bytes_recursive).toEqual([
    { major: 8, minor: 0, op: 'Read', value: 4096 },
    { major: 8, minor: 0, op: 'Total', value: 4096 },
  ])
  expect(blkio.io_queue_recursive).toEqual([])
})

test('a cgroup of version 2 has all of them', () => {
  const read = files({
    '/c/cpu.stat': 'usage_usec 1000\nuser_usec 600\nsystem_usec 400\nnr_periods 1\nnr_throttled 1\nthrottled_usec 9\n',
    '/c/memory.current': '5000\n',
    '/c/memory.max': '8000\n',
    '/c/memory.events': 'low 0\noom 2\n',
    '/c/memory.stat': 'anon 7\ninactive_file 3\nzswap 4\n',
    '/c/pids.current': '1\n',
    '/c/pids.max': '50\n',
    '/c/io.stat': '8:0 rbytes=4096 wbytes=512 rios=1 wios=1 dbytes=0 dios=0\n',
  })
  const unified = { version: 2 as const, controllers: ['cpu', 'memory', 'pids', 'io'], path: '/c' }
  expect(readCgroups([unified], 1e9, read)).toMatchObject({
    cpu: {
      cpu_usage: { total_usage: 1_000_000, usage_in_kernelmode: 400_000, usage_in_usermode: 600_000 },
      throttling_data: { periods: 1, throttled_periods: 1, throttled_time: 9000 },
    },
    memory: { usage: 5000, limit: 8000, failcnt: 2, stats: { anon: 7, inactive_file: 3 } },
    pids: { current: 1, limit: 50 },
    blkio: {
      io_serviced_recursive: null,
      io_service_bytes_recursive: [
        { major: 8, minor: 0, op: 'read', value: 4096 },
        { major: 8, minor: 0, op: 'write', value: 512 },
      ],
    },
  })
})

test('interfaces that it was given are told, and no others', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:     572       6    1    2    0     0          0         0       80       3    4    5    0     0       0          0
  tun0:       9       9    0    0    0     0          0         0        9       9    0    0    0     0       0          0
`
  expect(parseNetDev(text)).toEqual({
    eth0: {
      rx_bytes: 572,
      rx_packets: 6,
      rx_errors: 1,
      rx_dropped: 2,
      tx_bytes: 80,
      tx_packets: 3,
      tx_errors: 4,
      tx_dropped: 5,
    },
  })
})
