import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, tar } from '../../test/support/archives.js'
import { type ImageProcess, startImageProcess } from '../../test/support/image-process.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { quickest } from '../../test/support/quickest.js'
import { straceInjecting } from '../../test/support/strace.js'

let store: TestStore
let directory: string
let archive: string

beforeEach(async () => {
  store = await testStore()
  directory = mkdtempSync('/tmp/ib-several-')
  archive = join(directory, 'image.tar')
  const files = (name: string) =>
    Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`${name}/${at}`, Buffer.alloc(20_000, at)]))
  const layers = await Promise.all(['a', 'b', 'c'].map((name) => tar(files(name))))
  writeFileSync(archive, await tar(dockerArchive({ layers })))
})
afterEach(() => {
  store[Symbol.dispose]()
  rmSync(directory, { recursive: true, force: true })
})

const loader = (body: string): ImageProcess =>
  startImageProcess(store.root, body.replaceAll('ARCHIVE', JSON.stringify(archive)))

describe('several processes', () => {
  it('load the same archive at once: one image, nothing left over', async () => {
    const processes = [1, 2, 3].map(() => loader('ready(); await go; await images.load(ARCHIVE)'))
    await Promise.all(processes.map(({ ready }) => ready))
    for (const { go } of processes) go()
    expect(await Promise.all(processes.map(({ ended }) => ended))).toEqual([0, 0, 0])
    const record = store.images.get('app:1')
    expect(store.images.list()).toHaveLength(1)
    expect(store.remains()).toHaveLength(record.layers.length * 2)
    expect(store.snapshots.readFile(record.chain, undefined, '/b/299')).toHaveLength(20_000)
  })

  it('load and remove the same image in turns, and end with all of it or nothing', async () => {
    const turns =
      'for (let turn = 0; turn < 8; turn++) { await images.load(ARCHIVE); await images.remove("app:1").catch((e) => { if (e.code !== "IMAGE_NOT_FOUND") throw e }) }'
    const processes = [1, 2].map(() => loader(`ready(); await go; ${turns}`))
    await Promise.all(processes.map(({ ready }) => ready))
    for (const { go } of processes) go()
    expect(await Promise.all(processes.map(({ ended }) => ended))).toEqual([0, 0])
    await store.images.sweep()
    expect(store.images.list()).toEqual([])
    expect(store.remains()).toEqual([])
  })
})

describe('a load that is killed', () => {
  it.each(Array.from({ length: 8 }, (_, at) => at))(
    'leaves only garbage that a sweep removes (moment %i)',
    async (at) => {
      const steps = `let step = 0; const onProgress = () => { if (step++ === ${at * 3}) process.kill(process.pid, 'SIGKILL') }`
      const { ended } = loader(`${steps}; await images.load(ARCHIVE, { onProgress })`)
      expect(await ended).toBeUndefined()
      const images = await store.reopen()
      await images.sweep()
      expect(images.list()).toEqual([])
      expect(store.remains()).toEqual([])
      await images.load(archive)
      expect(images.get('app:1').layers).toHaveLength(3)
    },
  )

  it.each([
    ['rename', 4],
    ['renameat2', 2],
    ['syncfs', 1],
    ['flock', 3],
    ['pwrite64', 6],
  ])('at its %s call, the same', async (syscall, when) => {
    const program = `const { openStore } = await import(${JSON.stringify(join(import.meta.dirname, '../../test/support/image-store.ts'))}); const { images } = await openStore(${JSON.stringify(store.root)}); await images.load(${JSON.stringify(archive)})`
    const [strace = '', ...inject] = straceInjecting(syscall, 'signal=SIGKILL', when)
    spawnSync(strace, [...inject, process.execPath, '--import', 'tsx', '--input-type=module', '--eval', program])
    const images = await store.reopen()
    await images.recover()
    await images.settled()
    await images.sweep()
    const whole = images.list().length
    expect(store.remains()).toHaveLength(whole * 6)
    await images.load(archive)
    expect(store.snapshots.readFile(images.get('app:1').chain, undefined, '/c/7')).toHaveLength(20_000)
  })
})

describe('sweep', () => {
  it('costs next to nothing when nothing has to be done', async () => {
    await store.images.load(archive)
    expect(await quickest(100, () => store.images.sweep())).toBeLessThan(1)
  })

  it('waits for its turn while a load is at work, which then collects itself', async () => {
    writeFileSync(join(store.root, 'gc.dirty'), '')
    writeFileSync(join(store.root, 'content/sha256', '0'.repeat(64)), 'garbage')
    const loading = store.images.load(archive, {
      onProgress: () => {
        void store.images.sweep()
        expect(store.remains()).toContain(`content/sha256/${'0'.repeat(64)}`)
      },
    })
    await loading
    await store.images.settled()
    expect(store.remains()).toHaveLength(6)
  })
})
