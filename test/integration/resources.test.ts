import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { detectCgroups } from '../../src/host/index.js'
import type { RunBuilder } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine

beforeAll(async () => {
  host = await testEngine(['busybox'])
})
afterAll(() => host[Symbol.asyncDispose]())

const { hierarchies } = detectCgroups()
const legacy = (controller: string) =>
  hierarchies.find(({ version, controllers }) => version === 1 && controllers.includes(controller))
const blockDevice = existsSync('/dev/vda') ? '/dev/vda' : '/dev/sda'

/** What a program sees of its own cgroup. */
async function knob(builder: RunBuilder, file: string): Promise<string> {
  const { stdout, stderr } = await builder.rm().output()
  expect(stderr).toBe('')
  return `${file}: ${stdout.trim()}`
}

const cat = (path: string) => host.engine.run('busybox', ['cat', `/sys/fs/cgroup/${path}`])

test.skipIf(!legacy('memory'))('limits are in the files of the cgroup', async () => {
  const { engine } = host
  const files = [
    'memory/memory.limit_in_bytes',
    'memory/memory.soft_limit_in_bytes',
    'memory/memory.swappiness',
    'memory/memory.oom_control',
    'pids/pids.max',
    'cpu/cpu.shares',
    'cpu/cpu.cfs_quota_us',
    'cpuset/cpuset.cpus',
  ]
  const { stdout } = await engine
    .run('busybox', ['sh', '-c', files.map((file) => `head -n1 /sys/fs/cgroup/${file}`).join(';')])
    .memory('64m')
    .memoryReservation('32m')
    .memorySwappiness(7)
    .oomKillDisable()
    .pidsLimit(30)
    .cpuShares(300)
    .cpus(0.5)
    .cpusetCpus('0')
    .rm()
    .output()
  expect(stdout.split('\n')).toEqual(['67108864', '33554432', '7', 'oom_kill_disable 1', '30', '300', '50000', '0', ''])
})

test.skipIf(!legacy('blkio') || !existsSync(blockDevice))('block devices are throttled', async () => {
  const throttled = cat('blkio/blkio.throttle.read_bps_device').deviceReadBps(`${blockDevice}:1mb`).blkioWeight(300)
  expect(await knob(throttled, 'read_bps')).toMatch(/^read_bps: \d+:\d+ 1048576$/)
  const written = cat('blkio/blkio.throttle.write_iops_device').deviceWriteIops({ path: blockDevice, rate: 100 })
  expect(await knob(written, 'write_iops')).toMatch(/^write_iops: \d+:\d+ 100$/)
  await expect(cat('x').deviceReadBps('/dev/none:1mb').create()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
})

test('a rule of the device cgroup lets a program use a device', async () => {
  // That of fuse can be opened without any capability.
  const open = ['sh', '-c', 'mknod /m c 10 229 && : < /m && echo opened']
  const { engine } = host
  expect((await engine.run('busybox', open).rm().output()).stderr).toContain('Operation not permitted')
  expect((await engine.run('busybox', open).deviceCgroupRule('c 10:229 rwm').rm().output()).stdout).toBe('opened\n')
})

test("a cgroup of one's own choice holds the container's, and stays", async () => {
  const parent = `inboard-test-${process.pid}-parent/below`
  onTestFinished(() => {
    for (const { mountpoint } of hierarchies)
      for (const path of [parent, parent.split('/')[0]]) rmdirSync(`${mountpoint}/${path}`)
  })
  const devices = 'head -c 1 /dev/zero | wc -c; mknod /m c 10 229; true < /m; echo $?'
  const container = await host.engine
    .run('busybox', ['sh', '-c', `${devices}; exec sleep 1000`])
    .cgroupParent(`/${parent}`)
    .cgroupns('host')
    .memory('64m')
  const { pid } = { pid: (await container.inspect()).State.Pid }
  for (const line of readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n'))
    expect(line).toContain(`/${parent}/${container.id}`)
  const said: string[] = []
  for await (const { stream, text } of container.logs({ follow: true }))
    if (stream === 'stdout' && said.push(text) === 2) break
  expect(said).toEqual(['1\n', '1\n'])
  await container.stop({ timeoutMs: 0 })
  await container.remove()
  for (const { mountpoint } of hierarchies) {
    const left = readdirSync(`${mountpoint}/${parent}`, { withFileTypes: true }).filter((one) => one.isDirectory())
    expect(left).toEqual([])
  }
  expect(await host.leaks()).toEqual([])
})

test('processes and shared memory of another container are seen by who joins it', async () => {
  const { engine } = host
  const owner = await engine
    .run('busybox', ['sh', '-c', 'echo kept > /dev/shm/file; echo ready; exec sleep 1000'])
    .ipc('shareable')
    .name('ipc-owner')
  for await (const { text } of owner.logs({ follow: true })) if (text === 'ready\n') break
  const inside = 'cat /dev/shm/file; readlink /proc/self/ns/ipc; cat /proc/1/cmdline | tr "\\0" " "'
  const { stdout } = await engine
    .run('busybox', ['sh', '-c', inside])
    .pid('container:ipc-owner')
    .ipc('container:ipc-owner')
    .rm()
    .output()
  const { stdout: namespace } = await owner.exec(['readlink', '/proc/self/ns/ipc'])
  expect(stdout).toBe(`kept\n${namespace}sleep 1000 `)
  const joined = await engine.run('busybox', ['sleep', '1000']).pid('container:ipc-owner')
  const ended = joined.wait()
  await owner.kill()
  expect((await ended).exitCode).toBe(137)
  await expect(joined.start()).rejects.toThrow('cannot join PID of a non running container')
  await expect(engine.run('busybox', ['true']).ipc('container:nobody')).rejects.toMatchObject({
    code: 'CONTAINER_NOT_FOUND',
  })
})

test('IPC is private by default, and without /dev/shm when there shall be none', async () => {
  const { engine } = host
  await engine.run('busybox', ['sleep', '1000']).name('private-ipc')
  await expect(engine.run('busybox', ['true']).ipc('container:private-ipc')).rejects.toThrow('non-shareable IPC')
  const { stdout } = await engine.run('busybox', ['sh', '-c', 'ls /dev | grep shm; echo $?']).ipc('none').rm().output()
  expect(stdout).toBe('1\n')
})
