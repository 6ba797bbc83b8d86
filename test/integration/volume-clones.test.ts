import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import { AT_FDCWD, native, S_IFCHR } from '../../src/host/index.js'
import type { Engine, Volume } from '../../src/index.js'
import { describeTree } from '../../src/layer/fixture.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine

beforeAll(async () => {
  host = await testEngine()
  engine = host.engine
})
afterEach(async () => {
  failpoints.clear()
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  for (const { name } of await engine.volumes.list()) await (await engine.volumes.get(name)).remove({ force: true })
  expect((await readdir(join(engine.root, 'volumes'))).filter((name) => name !== '.layers')).toEqual([])
  expect(layers()).toEqual([])
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  expect(left).toEqual([])
})

const code = (expected: string, message = '') =>
  expect.objectContaining({ code: expected, message: expect.stringContaining(message) })
const volumesDirectory = () => join(engine.root, 'volumes')
const dataOf = (name: string) => join(volumesDirectory(), name, '_data')
const layers = () => (existsSync(join(volumesDirectory(), '.layers')) ? readdirSync(join(volumesDirectory(), '.layers')) : [])
const statusOf = async (volume: Volume) => (await volume.inspect()).Status

/** What a program prints that has the volume at `/data`. */
async function inside({ name }: Volume, script: string): Promise<string> {
  const { stdout, stderr, exitCode } = await engine
    .run('busybox', ['sh', '-ec', script])
    .volume(`${name}:/data`)
    .rm()
    .output()
  if (exitCode !== 0) throw new Error(stderr)
  return stdout
}

const write = (volume: Volume, content: string, path = 'file') => inside(volume, `echo ${content} >/data/${path}`)
const read = async (volume: Volume, path = 'file') => (await inside(volume, `cat /data/${path}`)).trim()

/** All that a volume's own export has, unpacked where it can be looked at. */
async function described(volume: Volume): Promise<string[]> {
  const { mountpoint, end } = await mounted(volume)
  try {
    return describeTree(mountpoint)
  } finally {
    await end()
  }
}

/** Keeps a volume mounted by a container that has it. */
async function mounted({ name }: Volume): Promise<{ mountpoint: string; end: () => Promise<void> }> {
  const container = await engine.run('busybox', ['sleep', '1000']).volume(`${name}:/data`)
  return { mountpoint: dataOf(name), end: () => container.remove({ force: true }) }
}

/** A volume of files of all kinds, plain on the disk. */
async function sample(name = 'source'): Promise<Volume> {
  const volume = await engine.volumes.create(name)
  const data = dataOf(name)
  await mkdir(join(data, 'deep/er'), { recursive: true })
  await writeFile(join(data, 'file'), 'first\n')
  await writeFile(join(data, 'deep/er/file'), 'x'.repeat(100_000))
  const addon = native()
  addon.symlinkat('/etc/passwd', AT_FDCWD, join(data, 'link'))
  addon.mknodat(AT_FDCWD, join(data, 'fifo'), 0o010640, 0, 0)
  addon.mknodat(AT_FDCWD, join(data, 'null'), S_IFCHR | 0o666, 1, 3)
  addon.setxattrAt(AT_FDCWD, join(data, 'file'), 'user.kept', Buffer.from('value'))
  addon.chownAt(AT_FDCWD, join(data, 'deep'), 999, 1000)
  addon.chownAt(AT_FDCWD, data, 70, 71)
  addon.chmodAt(AT_FDCWD, data, 0o2750)
  addon.utimesAt(AT_FDCWD, join(data, 'file'), [1, 2], [1_500_000_000, 7])
  addon.utimesAt(AT_FDCWD, data, [1, 2], [1_400_000_000, 5])
  return volume
}

describe('a clone', () => {
  it('has all that the volume has, its root too, and shares it', async () => {
    const source = await sample()
    const expected = describeTree(join(volumesDirectory(), 'source')).filter((line) => line.startsWith('_data'))
    const clone = await source.clone('clone', { labels: { stage: 'ci' } })
    expect(clone.name).toBe('clone')
    expect(await clone.inspect({ size: true })).toMatchObject({
      Driver: 'local',
      Labels: { stage: 'ci' },
      Mountpoint: dataOf('clone'),
      Options: null,
      Status: { Layers: 1 },
      UsageData: { Size: 0, RefCount: 0 },
    })
    expect(await statusOf(source)).toEqual({ Layers: 1 })
    for (const volume of [source, clone]) {
      const { end } = await mounted(volume)
      const found = describeTree(join(volumesDirectory(), volume.name)).filter((line) => line.startsWith('_data'))
      await end()
      expect(found).toEqual(expected)
    }
    expect(layers()).toHaveLength(1)
  })
})
