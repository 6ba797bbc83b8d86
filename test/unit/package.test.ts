import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
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

interface Loaded {
  /** Of the processor. */
  readonly ms: number
  /** The same, of Node itself. */
  readonly startMs: number
  readonly builtins: readonly string[]
  readonly nativeFiles: readonly string[]
  readonly packages: readonly string[]
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
    const packages = Object.keys(require.cache).flatMap((name) => /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(name)?.[1] ?? [])
    process.stdout.write(JSON.stringify({ ms, startMs, builtins, nativeFiles, packages: [...new Set(packages)] }))
  })()`
  return JSON.parse(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }))
}
