import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InboardError } from '../errors/index.js'
import { temporaryDirectory } from '../host/fixture.js'
import { archive, bytesOf, type Member } from '../layer/fixture.js'
import { type EntryKind, extractLayer, type LayerFormat } from '../layer/index.js'
import { chainOf, commitLayers } from './fixture.js'
import { type OverlayRootfs, openSnapshots } from './index.js'

function pick<Value>(...values: readonly Value[]): fc.Arbitrary<Value> {
  return fc.constantFrom(...values)
}

const hostileName = fc
  .array(pick('a', 'b', 'c', 'd', '..', '.', '', '.wh.a', '.wh.b', '.wh..wh..opq', '.wh.'), {
    minLength: 1,
    maxLength: 4,
  })
  .map((components) => components.join('/') || 'a')
const politeName = fc
  .tuple(fc.array(pick('a', 'b', 'c'), { maxLength: 2 }), pick('a', 'b', 'c', '.wh.a', '.wh.b', '.wh..wh..opq'))
  .map(([directories, base]) => [...directories, base].join('/'))
const linkname = fc
  .tuple(
    pick('', '/', '../', '../../../'),
    fc.array(pick('a', 'b', 'c', 'outside', '..'), { minLength: 1, maxLength: 3 }),
  )
  .map(([start, components]) => start + components.join('/'))

function layerOf(name: fc.Arbitrary<string>, kinds: readonly EntryKind[]): fc.Arbitrary<Member[]> {
  const member = fc.record({ name, kind: pick(...kinds), linkname, content: pick('', 'one', 'two') })
  return fc.array(
    member.map(({ content, ...init }) => {
      const payload = init.kind === 'file' ? content : ''
      return { ...init, content: payload, size: payload.length, mode: 0o755, mtime: [1_700_000_000, 0] as const }
    }),
    { minLength: 1, maxLength: 8 },
  )
}

/** 'extracted', or the code of the error that refused it. */
async function outcomeOf(extraction: Promise<unknown>): Promise<string> {
  try {
    await extraction
    return 'extracted'
  } catch (error) {
    return error instanceof InboardError ? error.code : String(error)
  }
}

test('no sequence of entries reaches outside of the target', async () => {
  const base = temporaryDirectory()
  mkdirSync(join(base, 'outside'))
  writeFileSync(join(base, 'outside/a'), 'alive')
  const everything = layerOf(hostileName, ['file', 'file', 'directory', 'symlink', 'symlink', 'hardlink', 'fifo'])
  await fc.assert(
    fc.asyncProperty(everything, everything, pick<LayerFormat>('overlay', 'merged'), async (first, second, format) => {
      const target = mkdtempSync(join(base, 'target-'))
      for (const members of [first, second]) {
        const outcome = await outcomeOf(extractLayer(bytesOf(archive(...members)), target, { format }))
        expect(['extracted', 'LAYER_INVALID', 'LAYER_ESCAPES']).toContain(outcome)
      }
      rmSync(target, { recursive: true })
      expect([readdirSync(base), readdirSync(join(base, 'outside'))]).toEqual([['outside'], ['a']])
      expect(readFileSync(join(base, 'outside/a'), 'utf8')).toBe('alive')
    }),
    { numRuns: 300 },
  )
})

// overlayfs lists a whiteout that hides nothing, in a directory of one layer alone, although it cannot be opened.
const listing =
  "find . -mindepth 1 ! -type c \\( -type f -printf '%P %y ' -exec cat {} \\; -printf '\\n' -o -printf '%P %y\\n' \\) | sort"

test('layers look the same merged by the kernel and merged by us', async () => {
  const layer = layerOf(politeName, ['file', 'file', 'directory'])
  await fc.assert(
    fc.asyncProperty(fc.array(layer, { minLength: 2, maxLength: 3 }), async (layers) => {
      const path = mkdtempSync(join(tmpdir(), 'inboard-equivalence-'))
      try {
        const overlay = openSnapshots(join(path, 'overlay'), { driver: 'overlay' })
        const vfs = openSnapshots(join(path, 'vfs'), { driver: 'vfs' })
        const outcomes = [await outcomeOf(commitLayers(overlay, layers)), await outcomeOf(commitLayers(vfs, layers))]
        // A layer may enter through a file of the layer below only where there is one.
        fc.pre(outcomes.every((outcome) => outcome === 'extracted'))
        const chain = chainOf(layers.length)
        for (const snapshots of [overlay, vfs]) {
          await snapshots.prepareInit(chain)
          await snapshots.prepareContainer(chain, join(path, snapshots.name, 'container'))
        }
        const rootfs = overlay.rootfs(chain, join(path, 'overlay/container')) as OverlayRootfs
        for (const directory of [rootfs.upper, rootfs.work, rootfs.target]) mkdirSync(directory, { recursive: true })
        const options = `lowerdir=${rootfs.lowerdirs.join(':')},upperdir=${rootfs.upper},workdir=${rootfs.work}`
        const script = `cd ${rootfs.directory}; mount -t overlay overlay -o ${options} ${rootfs.target}; cd ${rootfs.target}; ${listing}`
        const kernels = execFileSync('unshare', ['-m', 'sh', '-ec', script], { encoding: 'utf8' })
        const ours = execFileSync('sh', ['-ec', listing], { encoding: 'utf8', cwd: join(path, 'vfs/container/rootfs') })
        expect(ours).toBe(kernels)
      } finally {
        rmSync(path, { recursive: true, force: true })
      }
    }),
    { numRuns: 60 },
  )
}, 120_000)
