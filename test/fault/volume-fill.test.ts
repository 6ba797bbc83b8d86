import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../../src/host/fixture.js'
import { fill } from '../../src/volume/fill.js'
import { describeVolume, emptyVolume, fillSource, imageWithData } from '../../src/volume/fill-fixture.js'
import type { FillLife } from './support/fill-main.js'
import { Random } from './support/random.js'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const built = `${repository}node_modules/.cache/inboard-fill-${process.pid}`

beforeAll(async () => {
  await build({
    config: false,
    silent: true,
    entry: {
      program: `${repository}test/fault/support/fill-main.ts`,
      'layer-worker': `${repository}src/layer/layer-worker.ts`,
    },
    outDir: built,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    splitting: false,
    external: ['vitest'],
  })
  writeFileSync(`${built}/package.json`, '{"type":"module"}')
})
afterAll(() => rmSync(built, { recursive: true, force: true }))

/** A volume, an image with more than one layer, and who fills it from which in processes of their own. */
class Scene {
  readonly base = temporaryDirectory('/dev/shm')
  readonly volume: ReturnType<typeof emptyVolume>
  readonly #layers: string[]
  readonly #staging: string

  constructor({ isInside = false, isLarge = false } = {}) {
    this.#layers = imageWithData(this.base)
    if (isLarge)
      for (let n = 0; n < 3000; n++) writeFileSync(join(this.#layers[0] as string, `data/file-${n}`), `content ${n}`)
    this.volume = emptyVolume(this.base)
    this.#staging = isInside ? this.volume.target : this.volume.staging
  }

  start(point?: FillLife['point']): { child: ChildProcess; begun: Promise<unknown>; ended: Promise<string> } {
    const life: FillLife = {
      layers: this.#layers,
      target: this.volume.target,
      staging: this.#staging,
      lock: join(this.base, 'lock'),
      ...(point && { point }),
    }
    const child = spawn(process.execPath, [`${built}/program.js`, JSON.stringify(life)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (chunk) => {
      said += chunk
    })
    const ended = once(child, 'close').then(([code, signal]) => `${said}${signal ?? code}`)
    return { child, begun: once(child.stdout, 'data'), ended }
  }

  /** What is wrong after the next one has come. */
  async wrong(expected: readonly string[]): Promise<string[]> {
    await fill({ source: fillSource(this.#layers, 'data'), target: this.volume.target, staging: this.#staging })
    const found = describeVolume(this.volume.target)
    const left = readdirSync(this.volume.staging).filter((name) => name !== '_data')
    return [
      ...left.map((name) => `left: ${name}`),
      ...expected.filter((line) => !found.includes(line)).map((line) => `lost: ${line}`),
      ...found.filter((line) => !expected.includes(line)).map((line) => `found: ${line}`),
    ]
  }

  /** What the volume is to have in the end. */
  async expected(): Promise<string[]> {
    const other = emptyVolume(this.base, 'other')
    await fill({ source: fillSource(this.#layers, 'data'), ...other })
    return describeVolume(other.target)
  }
}

/** How long a large fill takes with nobody to end it. */
async function undisturbedMs(isInside: boolean): Promise<number> {
  const scene = new Scene({ isInside, isLarge: true })
  const { begun, ended } = scene.start()
  await begun
  const began = performance.now()
  await ended
  rmSync(scene.base, { recursive: true })
  return performance.now() - began
}

const points = [
  { name: 'fill.stage', call: 1 },
  { name: 'fill.publish', call: 1 },
  { name: 'fill.entries', call: 1 },
  { name: 'fill.entries', call: 2 },
  { name: 'fill.entries', call: 6 },
  { name: 'fill.attributes', call: 1 },
  { name: 'fill.done', call: 1 },
]

describe.each([
  ['beside the volume', false],
  ['inside of it', true],
])('a process that is killed while it fills a volume from %s', (_, isInside) => {
  test.each(points)('at call $call of $name leaves what the next one finishes', async (point) => {
    const scene = new Scene({ isInside })
    const expected = await scene.expected()
    expect(await scene.start(point).ended).toBe('begun\nSIGKILL')
    expect(await scene.wrong(expected)).toEqual([])
  })

  test('at any moment leaves what the next one finishes', async () => {
    const random = new Random(isInside ? 1 : 2)
    const wrong: string[] = []
    const outcomes = new Map<string, number>()
    let whole = await undisturbedMs(isInside)
    for (let killed = 0, rounds = 0; killed < 8 && rounds < 40; rounds++) {
      const scene = new Scene({ isInside, isLarge: true })
      const expected = await scene.expected()
      const { child, begun, ended } = scene.start()
      await begun
      const began = performance.now()
      setTimeout(() => child.kill('SIGKILL'), random.below(whole))
      const outcome = (await ended).replaceAll('\n', ' ')
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      if (outcome === 'begun SIGKILL') killed++
      // A busy host is not always equally so.
      else whole = Math.min(whole, performance.now() - began)
      wrong.push(...(await scene.wrong(expected)))
      rmSync(scene.base, { recursive: true })
    }
    console.log([...outcomes].join(', '))
    expect(wrong).toEqual([])
    expect(outcomes.get('begun SIGKILL')).toBe(8)
  })
})

test('of several processes that fill a volume at once one does, under its lock', async () => {
  const scene = new Scene({ isLarge: true })
  const expected = await scene.expected()
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => scene.start().ended))
  expect(outcomes.sort()).toEqual(['begun\nfilled\n0', ...Array(3).fill('begun\nnothing to do\n0')])
  expect(await scene.wrong(expected)).toEqual([])
})
