import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { faults } from '../../src/engine/launcher.js'
import { failpoints } from '../../src/errors/failpoint.js'
import { type Container, LaunchError } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { leaksOf, type TestEngine, testEngine } from '../support/engine.js'
import { settled } from '../support/settled.js'

let host: TestEngine
let directory: string
let container: Container
let existing: ReadonlySet<string>
const file = () => join(directory, 'file')

beforeAll(async () => {
  host = await testEngine(['busybox'])
  directory = mkdtempSync('/tmp/ib-copy-')
  writeFileSync(file(), 'content\n')
  container = await host.engine
    .run('busybox', ['true'])
    .name('copied')
    .volume('data:/data')
    .volume(`${directory}:/bound:ro`)
    .mount({
      type: 'volume',
      source: 'mounted',
      target: '/mounted',
      volumeOptions: { driverOptions: { type: 'tmpfs', device: 'none' } },
    })
    .mount({ type: 'image', source: 'busybox', target: '/image' })
    .create()
  await container.copyTo(file(), '/file')
  existing = new Set(await leaksOf(host.directory))
})
afterEach(() => failpoints.clear())
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const leaks = () => settled(async () => (await leaksOf(host.directory)).filter((leak) => !existing.has(leak)))
/** Descriptors of mount namespaces that this process has. */
const namespaces = () => readdirSync('/proc/self/fd').filter((fd) => targetOf(fd).startsWith('mnt:'))
const targetOf = (fd: string) => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

test('at every step of mounting a stopped container’s files an error is told, a dead helper is noticed, and nothing stays', async () => {
  const count = faults.steps.length
  expect(faults.steps.at(-1)).toBe('lend_root')
  const wrong: string[] = []
  for (let step = 1; step < count; step++)
    for (const kind of ['error', 'kill'] as const) {
      faults.next = { step, kind }
      const error = await container.copyTo(file(), '/data/f').catch((failure: unknown) => failure)
      if (!(error instanceof LaunchError)) wrong.push(`step ${step}, ${kind}: ${error}`)
    }
  expect(wrong).toEqual([])
  expect(await leaks()).toEqual([])
  await container.copyTo(file(), '/data/f')
  await expect.poll(namespaces).toEqual([])
})

test.each(['view.mount', 'view.lent'])('an error at %s leaves nothing', async (name) => {
  failpoints.set(name, () => {
    throw new Error('failpoint')
  })
  await expect(container.copyTo(file(), '/data/f')).rejects.toThrow('failpoint')
  failpoints.clear()
  expect(await leaks()).toEqual([])
  await container.copyTo(file(), '/data/f')
})

test('who is killed while files are mounted leaves nothing to whoever comes next', async () => {
  const killed = inAnotherProcess(
    host,
    `const container = await engine.containers.get('copied')
     const tar = await container.archive('/image')
     tar.read(1)
     process.kill(process.pid, 'SIGKILL')`,
  )
  await expect(killed).rejects.toMatchObject({ signal: 'SIGKILL' })
  await container.copyTo(file(), '/mounted/f')
  await (await host.reopen()).close()
  expect(await leaks()).toEqual([])
})
