import { expect, test } from 'vitest'
import type { ContainerConfig } from './options.js'
import type { HostLimits } from './resources.js'
import { type UpdateOptions, updateConfig } from './update.js'

type Resources = ContainerConfig['resources']

const host: HostLimits = { cpus: 2 }
const update = (resources: Resources, options: UpdateOptions) =>
  updateConfig('ID', { resources } as ContainerConfig, options, host).resources

// What Docker 20.10 answers.
test.each<[Resources, UpdateOptions, string]>([
  [{ cpuQuota: 50_000 }, { cpus: 0.5 }, 'Nano CPUs cannot be updated as CPU Quota has already been set'],
  [{ cpuPeriod: 50_000 }, { cpus: 0.5 }, 'Nano CPUs cannot be updated as CPU Period has already been set'],
  [{ nanoCpus: 5e8 }, { cpuQuota: 50_000 }, 'CPU Quota cannot be updated as NanoCPUs has already been set'],
  [{ nanoCpus: 5e8 }, { cpuPeriod: 50_000 }, 'CPU Period cannot be updated as NanoCPUs has already been set'],
])('%o is not updated with %o', (has, options, message) => {
  expect(() => update(has, options)).toThrow(`Cannot update container ID: Conflicting options: ${message}`)
})

test.each<[UpdateOptions, string]>([
  [{ cpus: 1, cpuPeriod: 50_000 }, 'Nano CPUs and CPU Period cannot both be set'],
  [{ cpus: 1, cpuQuota: 50_000 }, 'Nano CPUs and CPU Quota cannot both be set'],
])('%o is refused by itself', (options, message) => {
  expect(() => update({ nanoCpus: 5e8 }, options)).toThrow(`Conflicting options: ${message}`)
})

test('cpus are updated to others', () => {
  expect(update({ nanoCpus: 5e8, cpuPeriod: 100_000, cpuQuota: 50_000 }, { cpus: 0.25 })).toMatchObject({
    nanoCpus: 250_000_000,
    cpuQuota: 25_000,
  })
})
