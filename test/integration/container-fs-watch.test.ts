import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FileChange, FileWatch } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
beforeAll(async () => {
  host = await testEngine(['busybox'])
})
afterAll(() => host[Symbol.asyncDispose]())

const sleeping = (name: string) =>
  host.engine.run('busybox', ['sleep', '1000']).name(name).volume(`${name}:/data`).tmpfs('/memory')

/** Reads until all of these were told, in whatever order, and returns what was. */
async function until(changes: FileWatch, ...wanted: readonly (readonly [FileChange['eventType'], string])[]) {
  const told: string[] = []
  const missing = new Set(wanted.map((one) => one.join(' ')))
  while (missing.size > 0) {
    const { value, done } = await changes.next()
    if (done) throw new Error(`it ended before ${[...missing]} was told: ${told}`)
    told.push(`${value.eventType} ${value.filename}`)
    missing.delete(`${value.eventType} ${value.filename}`)
  }
  return told
}

test.each(['/', '/data', '/memory'])('what programs of the container change in %s is told', async (top) => {
  const container = await sleeping(`changes${top.replace('/', '-')}x`)
  const changes = container.fs.watch(top)
  await changes.ready()
  await container.exec(['sh', '-c', 'echo x >new; mv new other; mkdir d; echo y >>other; rm other; rmdir d'], {
    workdir: top,
  })
  await until(changes, ['rename', 'new'], ['change', 'new'], ['rename', 'other'], ['change', 'other'], ['rename', 'd'])
  await container.fs.writeFile(`${top}/by-us`, 'x')
  await until(changes, ['rename', 'by-us'], ['change', 'by-us'])
  await changes.close()
  expect(await changes.next()).toEqual({ done: true, value: undefined })
  await container.remove({ force: true, volumes: true })
})

test('with recursive, what is in directories is told, also in those that are new or have another name', async () => {
  const container = await sleeping('recursive')
  const { fs } = container
  await fs.mkdir('/data/a/b', { recursive: true })
  const changes = fs.watch('/data', { recursive: true })
  await changes.ready()
  await container.exec(['sh', '-c', 'echo x >/data/a/b/deep; mkdir -p /data/n/e/w; echo y >/data/n/e/w/file'])
  await until(changes, ['change', 'a/b/deep'], ['rename', 'n/e'], ['rename', 'n/e/w/file'])
  await container.exec(['mv', '/data/a', '/data/z'])
  await until(changes, ['rename', 'a'], ['rename', 'z'], ['rename', 'z/b/deep'])
  await container.exec(['sh', '-c', 'echo 2 >>/data/z/b/deep'])
  await until(changes, ['change', 'z/b/deep'])
  await container.exec(['sh', '-c', 'rm -r /data/z; mkdir -p /data/z/b; sleep 0.2; echo 3 >/data/z/b/again'])
  await until(changes, ['rename', 'z/b/again'])
  await changes.close()
  await container.remove({ force: true, volumes: true })
})

test('with recursive, a directory that was made anew before anybody looked is another one', async () => {
  const container = await sleeping('anew')
  const [volume] = (await container.inspect()).Mounts
  const z = join(volume?.Source ?? '', 'z')
  mkdirSync(join(z, 'b'), { recursive: true })
  const changes = container.fs.watch('/data', { recursive: true })
  await changes.ready()
  for (let round = 0; round < 10; round++) {
    // All of it is over before this process hears of any.
    rmSync(z, { recursive: true })
    mkdirSync(join(z, 'b'), { recursive: true })
    await until(changes, ['rename', 'z'])
    writeFileSync(join(z, 'b', `again-${round}`), '')
    await until(changes, ['rename', `z/b/again-${round}`])
  }
  await changes.close()
  await container.remove({ force: true, volumes: true })
})

test('a file that is watched has its own name, and names of any bytes are told', async () => {
  const container = await sleeping('one')
  await using file = container.fs.watch('/etc/passwd')
  await using directory = container.fs.watch('/data')
  await Promise.all([file.ready(), directory.ready()])
  await container.exec(['sh', '-c', "echo x >>/etc/passwd; cd /data; : >$(printf '\\377'); : >7"])
  await until(file, ['change', 'passwd'])
  await until(directory, ['rename', '\udcff'], ['rename', '7'])
  await container.exec(['chmod', '700', '/data'])
  // Node takes whatever happens to a directory itself for this.
  await until(directory, ['rename', 'data'])
  await container.remove({ force: true, volumes: true })
})

test('it ends with the program, begins with its start, and fails with the signal', async () => {
  const container = await sleeping('ends').create()
  const changes = container.fs.watch('/data')
  const ready = changes.ready()
  await container.start()
  await ready
  await container.exec(['touch', '/data/last'])
  await container.kill()
  const told: FileChange[] = []
  for await (const change of changes) told.push(change)
  expect(told).toContainEqual({ eventType: 'rename', filename: 'last' })
  const controller = new AbortController()
  const stopped = container.fs.watch('/data', { signal: controller.signal })
  const next = stopped.next()
  controller.abort(new Error('enough'))
  await expect(next).rejects.toThrow('enough')
  const removed = container.fs.watch('/data').next()
  await container.remove({ volumes: true })
  expect(['CONTAINER_NOT_FOUND', true]).toContain(
    await removed.then(
      ({ done }) => done,
      (error: { code: string }) => error.code,
    ),
  )
  expect(await host.leaks()).toEqual([])
})

test('who does not read holds no more than was asked for, and hears of more when it wants to', async () => {
  const container = await sleeping('bounds')
  const { fs } = container
  await using dropping = fs.watch('/data', { maxQueue: 3 })
  await using throwing = fs.watch('/data', { maxQueue: 3, overflow: 'throw' })
  await Promise.all([dropping.ready(), throwing.ready()])
  await container.exec(['sh', '-c', 'cd /data; for i in $(seq 100); do : >$i; done'])
  const read = async () => {
    for (;;) await throwing.next()
  }
  await expect(read()).rejects.toMatchObject({ code: 'EFBIG' })
  await container.kill()
  const told: FileChange[] = []
  for await (const change of dropping) told.push(change)
  expect(told).toHaveLength(3)
  await container.remove({ volumes: true })
})

test('what is not there cannot be watched, nor what is the kernel’s', async () => {
  const container = await sleeping('refused')
  await expect(container.fs.watch('/none').next()).rejects.toMatchObject({ code: 'ENOENT', path: '/none' })
  await expect(container.fs.watch('/proc').ready()).rejects.toMatchObject({ code: 'EACCES' })
  expect(() => container.fs.watch('a\0')).toThrow('NUL')
  await container.remove({ force: true, volumes: true })
})
