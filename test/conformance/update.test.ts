import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container, RestartPolicy, RunOptions, UpdateOptions } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'

/** HostConfig, in part. */
interface Limits {
  readonly Memory?: number
  readonly MemorySwap?: number
  readonly MemoryReservation?: number
  readonly NanoCpus?: number
  readonly CpuPeriod?: number
  readonly CpuQuota?: number
  readonly CpuShares?: number
  readonly CpusetCpus?: string
  readonly CpusetMems?: string
  readonly PidsLimit?: number
  readonly BlkioWeight?: number
  readonly RestartPolicy?: { readonly Name: RestartPolicy['name']; readonly MaximumRetryCount?: number }
  readonly AutoRemove?: boolean
}

/** What Docker has answered to an update, and what was true then (test/conformance/facts/update.mjs). */
interface Case {
  readonly has: Limits
  readonly asked: Limits
  readonly status: number
  readonly message?: string
  readonly warnings?: readonly string[]
  readonly after: Limits
  readonly kernel: Readonly<Record<string, string>>
}

const cases: readonly Case[] = JSON.parse(fact('update.json'))

/** Limits that Docker leaves to runc, or does not find a file for that is there by another name. */
const isOfItsKind = ({ message = '', warnings = [] }: Case) => message.includes('runc did not') || warnings.length > 0
const titled = (some: readonly Case[]) =>
  some.map((one) => [`${JSON.stringify(one.has)} asked for ${JSON.stringify(one.asked)}`, one] as const)
const comparable = cases.filter((one) => !isOfItsKind(one))
const done = titled(comparable.filter(({ status }) => status === 200))
const refused = titled(comparable.filter(({ status }) => status !== 200))

let host: TestEngine
beforeAll(async () => {
  host = await testEngine(['busybox'])
})
afterAll(() => host[Symbol.asyncDispose]())

const names = {
  Memory: 'memory',
  MemorySwap: 'memorySwap',
  MemoryReservation: 'memoryReservation',
  CpuPeriod: 'cpuPeriod',
  CpuQuota: 'cpuQuota',
  CpuShares: 'cpuShares',
  CpusetCpus: 'cpusetCpus',
  CpusetMems: 'cpusetMems',
  PidsLimit: 'pidsLimit',
  BlkioWeight: 'blkioWeight',
} as const

/** As options of ours. */
function optionsOf({ NanoCpus, RestartPolicy: restart, AutoRemove, ...limits }: Limits): UpdateOptions & RunOptions {
  return {
    ...Object.fromEntries(Object.entries(limits).map(([name, value]) => [names[name as keyof typeof names], value])),
    ...(NanoCpus && { cpus: NanoCpus / 1e9 }),
    ...(AutoRemove && { rm: true }),
    ...(restart && { restart: { name: restart.Name, maximumRetryCount: restart.MaximumRetryCount ?? 0 } }),
  }
}

const builder = (has: Limits) => host.engine.run('busybox', ['sleep', '1000'], optionsOf(has)).network('none')

const disposable = (container: Container): Container & AsyncDisposable =>
  Object.assign(container, { [Symbol.asyncDispose]: () => container.remove({ force: true }) })

/** Where Docker's own is no policy at all, ours is `no`. */
const withPolicy = (limits: Limits): Limits => ({
  ...limits,
  ...(limits.RestartPolicy && {
    RestartPolicy: { MaximumRetryCount: 0, ...limits.RestartPolicy, Name: limits.RestartPolicy.Name || 'no' },
  }),
})

/** Docker does not tell the kernel that swap is no longer limited. */
const more = ({ MemorySwap }: Limits) =>
  MemorySwap === -1 ? { 'memory.memsw.limit_in_bytes': '9223372036854771712' } : {}

const controllers = ['memory', 'cpu', 'cpuset', 'pids']

function kernelOf({ id }: Container, files: readonly string[]): Record<string, string> {
  const root = readFileSync(join(host.directory, 'root/id'), 'utf8').trim()
  return Object.fromEntries(
    files.map((file) => {
      const controller = controllers.find((name) => file.startsWith(`${name}.`))
      return [file, readFileSync(`/sys/fs/cgroup/${controller}/inboard-${root}/${id}/${file}`, 'utf8').trim()]
    }),
  )
}

describe('update does as Docker', () => {
  test.each(done)('%s', async (_, { has, asked, after, kernel }) => {
    await using container = disposable(await builder(has))
    expect(await container.update(optionsOf(asked))).toEqual({ warnings: [] })
    expect((await container.inspect()).HostConfig).toMatchObject(withPolicy(after))
    expect(kernelOf(container, Object.keys(kernel))).toEqual({ ...kernel, ...more(after) })
  })

  test.each(refused)('%s is refused, and nothing is changed', async (_, { has, asked, message = '', after }) => {
    await using container = disposable(await builder(has).create())
    await expect(container.update(optionsOf(asked))).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(message.replaceAll('ID', container.id)),
    })
    expect((await container.inspect()).HostConfig).toMatchObject(withPolicy(after))
  })
})

describe('what the kernel has to say', () => {
  test('a limit below what is in use is refused by it, and all is as it was', async () => {
    await using container = disposable(
      await host.engine
        .run('busybox', ['sh', '-c', 'dd if=/dev/zero of=/dev/shm/full bs=1M count=40; echo full; sleep 1000'])
        .network('none')
        .memory('128m'),
    )
    for await (const { text } of container.logs({ follow: true })) if (text === 'full\n') break
    await expect(container.update({ cpuShares: 100, memory: '16m', memorySwap: '16m' })).rejects.toMatchObject({
      code: 'SYSCALL_FAILED',
      message: expect.stringMatching(`^Cannot update container ${container.id}: EBUSY`),
    })
    const { HostConfig } = await container.inspect()
    expect(HostConfig).toMatchObject({ CpuShares: 0, Memory: 128 * 1024 ** 2, MemorySwap: 256 * 1024 ** 2 })
    expect(kernelOf(container, ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'cpu.shares'])).toEqual({
      'memory.limit_in_bytes': String(128 * 1024 ** 2),
      'memory.memsw.limit_in_bytes': String(256 * 1024 ** 2),
      'cpu.shares': '1024',
    })
  })

  test('what does not run has its limits from its next start on', async () => {
    await using container = disposable(await builder({}).create())
    await container.update({ pidsLimit: 50 })
    await container.start()
    expect(kernelOf(container, ['pids.max'])).toEqual({ 'pids.max': '50' })
    await container.update({ restart: 'always', cpuShares: 300 })
    await container.restart({ timeoutMs: 0 })
    expect(kernelOf(container, ['pids.max', 'cpu.shares'])).toEqual({ 'pids.max': '50', 'cpu.shares': '300' })
  })
})
