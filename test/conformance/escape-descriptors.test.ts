import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { Canary } from './support/canary.js'
import { importHostile } from './support/oracle-image.js'
import { directory, symlink } from './support/tar.js'

// CVE-2024-21626 and CVE-2016-9962: a descriptor, or a working directory, that still leads to the host.
let host: TestEngine
let container: Container
const canary = new Canary()
const before = canary.state()
const numbers = Array.from({ length: 62 }, (_, n) => n + 3)
beforeAll(async () => {
  host = await testEngine([])
  const links = numbers.map((n) => symlink(`links/${n}`, `/proc/self/fd/${n}`))
  await importHostile(host.engine, 'links', [directory('links'), ...links], ['WORKDIR /links/7'])
  container = await host.engine.run('links', ['sleep', '300']).workdir('/')
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  canary[Symbol.dispose]()
})

const refusal = (error: { code?: string; details?: { operation?: string } }) =>
  `${error.code} ${error.details?.operation}`
const refused = (run: PromiseLike<unknown>) => Promise.resolve(run).then(() => 'started', refusal)
const allRefused = async (attempts: readonly (() => PromiseLike<unknown>)[]) => {
  const answers = new Set<string>()
  for (const attempt of attempts) answers.add(await refused(attempt()))
  return [...answers]
}

describe('a descriptor is no working directory', () => {
  const places = ['/proc/self/fd', '/proc/1/fd', '/proc/thread-self/fd', '/dev/fd', '/links', '/links/../proc/self/fd']

  test.each(places)('of a first process through %s', async (place) => {
    const attempts = numbers.map((n) => () => host.engine.run('links', ['pwd']).workdir(`${place}/${n}`).rm().output())
    expect(await allRefused(attempts)).toEqual(['LAUNCH_FAILED working_directory'])
  })

  test.each(places)('of an exec through %s', async (place) => {
    const attempts = numbers.map((n) => () => container.exec(['pwd']).workdir(`${place}/${n}`))
    expect(await allRefused(attempts)).toEqual(['LAUNCH_FAILED working_directory'])
  })

  test('of an image that names one', async () => {
    expect(await refused(host.engine.run('links', ['pwd']).rm().output())).toBe('LAUNCH_FAILED working_directory')
  })

  test.each(['/proc/1/root', '/proc/self/cwd', '/proc/self/root'])('nor is %s a way to one', async (workdir) => {
    expect(await refused(host.engine.run('links', ['pwd']).workdir(workdir).rm().output())).toBe(
      'LAUNCH_FAILED working_directory',
    )
    expect(await refused(container.exec(['pwd']).workdir(workdir))).toBe('LAUNCH_FAILED working_directory')
  })
})

describe('a process has the three standard descriptors and no other', () => {
  // No pipe, whose ends the shell would have.
  const list = ['sh', '-c', 'ls -1 /proc/$$/fd; true']

  test('at the start', async () => {
    expect((await host.engine.run('links', list).workdir('/').rm().output()).stdout).toBe('0\n1\n2\n')
  })

  test('with a terminal, whose controller is not among them', async () => {
    expect((await host.engine.run('links', list).workdir('/').tty().rm().output()).stdout).toBe('0\r\n1\r\n2\r\n')
  })

  test('in an exec, and in one with a terminal', async () => {
    expect((await container.exec(list)).stdout).toBe('0\n1\n2\n')
    expect((await container.exec(list).tty()).stdout).toBe('0\r\n1\r\n2\r\n')
  })

  test('while many others start', async () => {
    const results = await Promise.all(Array.from({ length: 30 }, () => container.exec(list)))
    expect(new Set(results.map(({ stdout }) => stdout))).toEqual(new Set(['0\n1\n2\n']))
  })
})

test('nothing of a process leads to the host’s files', async () => {
  const script = `for p in root cwd fd/0/.. fd/1/.. fd/2/..; do cat /proc/1/$p${canary.file} /proc/$$/$p/..${canary.file}; done 2>/dev/null | wc -c`
  expect((await container.exec(['sh', '-c', script])).stdout).toBe('0\n')
  expect(canary.state()).toEqual(before)
})

test('the first process is in its cgroups before its first instruction', async () => {
  const { State, Id } = await container.inspect()
  const cgroups = readFileSync(`/proc/${State.Pid}/cgroup`, 'utf8').trim().split('\n')
  expect(cgroups.filter((line) => !line.endsWith(`/${Id}`))).toEqual([])
})
