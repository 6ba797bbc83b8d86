// Asks a real Docker daemon what updates of containers do, and prints what it answered: update.json.
// Usage: DOCKER_HOST=unix:///tmp/oracle/docker.sock node test/conformance/facts/update.mjs > test/conformance/facts/update.json
import { readFileSync } from 'node:fs'
import { request } from 'node:http'

const socketPath = (process.env.DOCKER_HOST ?? '').replace('unix://', '')

function ask(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json' }
    const exchange = request({ socketPath, method, path: `/v1.41${path}`, headers }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode, value: text === '' ? undefined : JSON.parse(text) })
      })
    })
    exchange.on('error', reject)
    exchange.end(body && JSON.stringify(body))
  })
}

const m = 1024 * 1024
/** [what it has, what it is to have] */
const cases = [
  [{}, {}],
  [{}, { Memory: 64 * m }],
  [{}, { Memory: 64 * m, MemorySwap: 128 * m }],
  [{}, { Memory: 64 * m, MemorySwap: -1 }],
  [{}, { MemorySwap: 64 * m }],
  [{}, { Memory: 4 * m, MemorySwap: 64 * m }],
  [{ Memory: 64 * m }, { Memory: 100 * m }],
  [{ Memory: 64 * m }, { Memory: 200 * m }],
  [{ Memory: 64 * m }, { Memory: 200 * m, MemorySwap: 300 * m }],
  [{ Memory: 64 * m }, { Memory: 32 * m, MemorySwap: 32 * m }],
  [{ Memory: 64 * m }, { Memory: 32 * m, MemorySwap: 16 * m }],
  [{ Memory: 64 * m }, { MemorySwap: -1 }],
  [{ Memory: 64 * m }, { MemorySwap: 100 * m }],
  [{ Memory: 64 * m, MemorySwap: -1 }, { Memory: 200 * m }],
  [
    { Memory: 64 * m, MemorySwap: -1 },
    { Memory: 200 * m, MemorySwap: -1 },
  ],
  [{ Memory: 64 * m }, { MemoryReservation: 32 * m }],
  [{ Memory: 64 * m }, { MemoryReservation: 100 * m }],
  [{}, { Memory: 64 * m, MemorySwap: 128 * m, MemoryReservation: 100 * m }],
  [{}, { MemoryReservation: 1 * m }],
  [{}, { NanoCpus: 500_000_000 }],
  [{ NanoCpus: 1_000_000_000 }, { NanoCpus: 500_000_000 }],
  [{ NanoCpus: 1_000_000_000 }, { CpuQuota: 50_000 }],
  [{ NanoCpus: 1_000_000_000 }, { CpuPeriod: 50_000 }],
  [{ CpuQuota: 50_000 }, { NanoCpus: 1_000_000_000 }],
  [{ CpuPeriod: 50_000 }, { NanoCpus: 1_000_000_000 }],
  [{}, { NanoCpus: 900_000_000_000 }],
  [{}, { NanoCpus: 1_000_000_000, CpuQuota: 50_000 }],
  [{}, { NanoCpus: 1_000_000_000, CpuPeriod: 50_000 }],
  [{}, { CpuPeriod: 50_000, CpuQuota: 20_000 }],
  [{ CpuPeriod: 50_000, CpuQuota: 20_000 }, { CpuQuota: -1 }],
  [{ CpuPeriod: 50_000, CpuQuota: 20_000 }, { CpuQuota: 40_000 }],
  [{ CpuPeriod: 50_000, CpuQuota: 20_000 }, { CpuPeriod: 100_000 }],
  [{}, { CpuQuota: 500 }],
  [{}, { CpuPeriod: 500 }],
  [{}, { CpuShares: 512 }],
  [{}, { CpuShares: 1 }],
  [{}, { CpuShares: -1 }],
  [{}, { CpusetCpus: '0' }],
  [{ CpusetCpus: '0' }, { CpusetCpus: '0-1' }],
  [{}, { CpusetCpus: '0-99' }],
  [{}, { CpusetCpus: 'x' }],
  [{}, { CpusetMems: '0' }],
  [{}, { PidsLimit: 100 }],
  [{ PidsLimit: 100 }, { PidsLimit: -1 }],
  [{ PidsLimit: 100 }, { PidsLimit: 0 }],
  [{ PidsLimit: 100 }, { CpuShares: 100 }],
  [{}, { BlkioWeight: 500 }],
  [{}, { BlkioWeight: 5 }],
  [{}, { RestartPolicy: { Name: 'always' } }],
  [{}, { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } }],
  [{ RestartPolicy: { Name: 'always' } }, { RestartPolicy: { Name: 'no' } }],
  [{}, { RestartPolicy: { Name: 'always', MaximumRetryCount: 3 } }],
  [{}, { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -1 } }],
  [{}, { RestartPolicy: { Name: 'sometimes' } }],
  [{ AutoRemove: true }, { RestartPolicy: { Name: 'always' } }],
  [{ AutoRemove: true }, { RestartPolicy: { Name: 'no' } }],
]
const fields = [
  'Memory',
  'MemorySwap',
  'MemoryReservation',
  'NanoCpus',
  'CpuPeriod',
  'CpuQuota',
  'CpuShares',
  'CpusetCpus',
]
const more = ['CpusetMems', 'PidsLimit', 'BlkioWeight', 'RestartPolicy']
const files = [
  'memory/memory.limit_in_bytes',
  'memory/memory.memsw.limit_in_bytes',
  'memory/memory.soft_limit_in_bytes',
  'cpu/cpu.cfs_period_us',
  'cpu/cpu.cfs_quota_us',
  'cpu/cpu.shares',
  'cpuset/cpuset.cpus',
  'pids/pids.max',
]

async function answer([has, asked]) {
  const { value } = await ask('POST', `/containers/create?name=update-${process.pid}`, {
    Image: 'busybox',
    Cmd: ['sleep', '1000'],
    HostConfig: has,
  })
  const id = value.Id
  try {
    await ask('POST', `/containers/${id}/start`)
    const { status, value: said } = await ask('POST', `/containers/${id}/update`, asked)
    const { HostConfig } = (await ask('GET', `/containers/${id}/json`)).value
    const read = (file) => readFileSync(`/sys/fs/cgroup/${file.replace('/', `/docker/${id}/`)}`, 'utf8').trim()
    return {
      has,
      asked,
      status,
      ...(said.message && { message: said.message.replaceAll(id, 'ID') }),
      ...(said.Warnings && { warnings: said.Warnings }),
      after: Object.fromEntries([...fields, ...more].map((field) => [field, HostConfig[field]])),
      kernel: Object.fromEntries(files.map((file) => [file.split('/')[1], read(file)])),
    }
  } finally {
    await ask('DELETE', `/containers/${id}?force=1`)
  }
}

const answers = []
for (const one of cases) {
  answers.push(await answer(one))
  process.stderr.write(`${JSON.stringify(answers.at(-1))}\n`)
}
process.stdout.write(`${JSON.stringify(answers, undefined, 2)}\n`)
