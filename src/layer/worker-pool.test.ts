import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { extractLayer } from './extract.js'
import { archive, bytesOf } from './fixture.js'
import { prepareWorkers } from './worker-pool.js'

const threads = () => readdirSync('/proc/self/task').length
const extract = () => extractLayer(bytesOf(archive({ name: 'f' })), temporaryDirectory(), { format: 'overlay' })

test('a job takes a worker that was started ahead', async () => {
  prepareWorkers(1)
  const before = threads()
  await extract()
  expect(threads()).toBeLessThanOrEqual(before)
})

test('workers that are there are not started again', async () => {
  await extract()
  const before = threads()
  prepareWorkers(1)
  expect(threads()).toBe(before)
})

test('a process whose workers have nothing to do ends', () => {
  const pool = JSON.stringify(join(import.meta.dirname, 'worker-pool.ts'))
  const program = `import { prepareWorkers } from ${pool}; prepareWorkers(2); console.log('prepared')`
  const output = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 14_000,
  })
  expect(output).toBe('prepared\n')
})
