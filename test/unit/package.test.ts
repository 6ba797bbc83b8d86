import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'

const dist = new URL('../../dist/', import.meta.url)
const esm = new URL('index.js', dist).href
const cjs = fileURLToPath(new URL('index.cjs', dist))
const emptyModule = 'data:text/javascript,export {}'

/** Builtins that cost milliseconds and that an import has no use for. */
const heavyBuiltins = ['child_process', 'http', 'http2', 'https', 'inspector', 'sqlite', 'tls']
/** Whoever else uses the machine can only add to what one costs. */
const runs = 15
/** More than each of the smaller entries has, and a small part of the package. */
const entryBytes = 100_000

interface Loaded {
  /** Of the processor. */
  readonly ms: number
  /** The same, of Node itself. */
  readonly startMs: number
  readonly builtins: readonly string[]
  readonly nativeFiles: readonly string[]
  readonly packages: readonly string[]
  /** That were required. */
  readonly files: readonly string[]
}

beforeAll(() => {
  if (!existsSync(cjs)) throw new Error('dist is missing: npm run bundle')
})

describe.each([
  ['import', `await import(${JSON.stringify(esm)})`],
  ['require', `require(${JSON.stringify(cjs)})`],
])('%s of the package', (_, load) => {
  test('loads no native code', () => {
    expect(loaded(load).nativeFiles).toEqual([])
  })

  test('loads no heavy builtin', () => {
    const before = new Set(loaded(`await import(${JSON.stringify(emptyModule)})`).builtins)
    expect(heavyBuiltins.filter((name) => loaded(load).builtins.includes(name) && !before.has(name))).toEqual([])
  })

  test('costs at most 40 ms of the processor more than an empty module', () => {
    const empty = runsOf(`await import(${JSON.stringify(emptyModule)})`)
    // Of a machine on which Node itself begins in 60 ms; one that is slow for a while has as much more.
    const slowness = Math.max(1, least(empty, 'startMs') / 60)
    expect((least(runsOf(load), 'ms') - least(empty, 'ms')) / slowness).toBeLessThanOrEqual(40)
  })
})

test('require loads no package but eventemitter3', () => {
  expect(loaded(`require(${JSON.stringify(cjs)})`).packages.filter((name) => name !== 'eventemitter3')).toEqual([])
})

describe.each(['wait', 'services', 'vitest', 'testing', 'otel'])('inboard/%s', (entry) => {
  const load = `require(${JSON.stringify(fileURLToPath(new URL(`${entry}.cjs`, dist)))})`

  test('loads nothing of the engine, no native code and no heavy builtin', () => {
    const before = new Set(loaded(`await import(${JSON.stringify(emptyModule)})`).builtins)
    const { nativeFiles, builtins, files } = loaded(load)
    expect(nativeFiles).toEqual([])
    expect(heavyBuiltins.filter((name) => builtins.includes(name) && !before.has(name))).toEqual([])
    const bytes = files.filter((name) => name.startsWith(fileURLToPath(dist))).map((name) => statSync(name).size)
    expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(entryBytes)
  })

  test('has the same by import as by require', () => {
    const module = JSON.stringify(new URL(`${entry}.js`, dist).href)
    const program = `import(${module}).then((esm) => console.log(JSON.stringify([Object.keys(esm), Object.keys(${load})])))`
    const [esm, cjs] = JSON.parse(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }))
    expect(cjs.sort()).toEqual(esm.sort())
  })
})

const runsOf = (load: string): Loaded[] => Array.from({ length: runs }, () => loaded(load))

const least = (times: readonly Loaded[], of: 'ms' | 'startMs') => Math.min(...times.map((one) => one[of]))

/** What a fresh Node process has after `load`, and what that took. */
function loaded(load: string): Loaded {
  const program = `(async () => {
    const before = process.cpuUsage()
    ${load}
    const { user, system } = process.cpuUsage(before)
    const [ms, startMs] = [user + system, before.user + before.system].map((time) => time / 1000)
    process.report.excludeNetwork = true
    const builtins = process.moduleLoadList.map((name) => name.replace(/^(NativeModule|Internal Binding) /, ''))
    const nativeFiles = process.report.getReport().sharedObjects.filter((name) => name.endsWith('.node'))
    const files = Object.keys(require.cache)
    const packages = files.flatMap((name) => /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(name)?.[1] ?? [])
    process.stdout.write(JSON.stringify({ ms, startMs, builtins, nativeFiles, packages: [...new Set(packages)], files }))
  })()`
  return JSON.parse(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }))
}
