import { execFile, execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { leaksOf } from '../support/engine.js'
import { imageArchive } from '../support/images.js'
import { packageRegistry } from '../support/package-registry.js'

// The package as somebody has it who installs it: packed, out of the checkout, with what it depends on from a registry.
const checkout = fileURLToPath(new URL('../../', import.meta.url))
const run = promisify(execFile)

let directory: string
let project: string
const environment = (more: Readonly<Record<string, string>> = {}) => {
  const roots = { INBOARD_ROOT: join(directory, 'root'), INBOARD_RUN_ROOT: join(directory, 'run') }
  const { NODE_OPTIONS: _, VITEST: __, VITEST_WORKER_ID: ___, NODE_ENV: ____, ...own } = process.env
  return { ...own, ...roots, NO_COLOR: '1', ...more }
}

beforeAll(async () => {
  directory = mkdtempSync('/tmp/ib-installed-')
  project = join(directory, 'project')
  cpSync(fileURLToPath(new URL('../support/sample-project', import.meta.url)), project, { recursive: true })
  packInto(project)
  await using registry = await packageRegistry(join(checkout, 'node_modules'))
  const options = ['--no-audit', '--no-fund', '--no-update-notifier', '--fetch-retries=0', '--foreground-scripts']
  const { stdout } = await npm(['install', ...options, `--registry=${registry.url}`], {
    npm_config_cache: join(directory, 'cache'),
    // What its own install script downloads elsewhere.
    npm_config_better_sqlite3_local_prebuilds: prebuiltDatabase(),
  })
  expect(stdout).toContain('inboard: using the prebuilt addon')
}, 600_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const npm = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  run('npm', args, { cwd: project, env: environment(env), maxBuffer: 2 ** 26 })

/** As it is published, with the native parts of this machine built before. */
function packInto(target: string): void {
  if (!existsSync(join(checkout, 'dist/index.d.cts'))) throw new Error('dist is not whole: npm run bundle')
  const staged = join(directory, 'package')
  mkdirSync(staged)
  const { files } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { files: string[] }
  const paths = [
    ...files.filter((path) => !path.startsWith('!') && path !== 'prebuilds'),
    'package.json',
    'README.md',
    'LICENSE',
  ]
  for (const path of paths) cpSync(join(checkout, path), join(staged, path), { recursive: true })
  const prebuilds = join(staged, 'prebuilds', `linux-${process.arch}`)
  mkdirSync(prebuilds, { recursive: true })
  const built = (name: string) => join(checkout, 'build/Release', name)
  for (const name of ['inboard-supervisor', 'inboard-init']) cpSync(built(name), join(prebuilds, name))
  cpSync(built('inboard.node'), join(prebuilds, 'inboard.glibc.node'))
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--silent'], { cwd: staged, encoding: 'utf8' }).trim()
  cpSync(join(staged, packed), join(target, 'inboard.tgz'))
}

/** A directory with what better-sqlite3 publishes for this machine. */
function prebuiltDatabase(): string {
  const target = join(directory, 'prebuilt')
  mkdirSync(target)
  const source = join(checkout, 'node_modules/better-sqlite3')
  const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { version: string }
  const name = `better-sqlite3-v${version}-node-v${process.versions.modules}-linux-${process.arch}.tar.gz`
  execFileSync('tar', ['-C', source, '-czf', join(target, name), 'build/Release/better_sqlite3.node'])
  return target
}

test.each(['import', 'require'])(
  'a program gets it by %s, with all of its entries, and runs a container',
  async (how) => {
    const { stdout } = await npm(['run', '--silent', how], { SAMPLE_BUSYBOX: imageArchive('busybox') })
    const { entries, ...said } = JSON.parse(stdout) as {
      entries: [string, string[]][]
      stdout: string
      isOurs: boolean
    }
    expect(said).toEqual({ stdout: 'hello\n', isOurs: true })
    expect(entries.map(([name]) => name)).toEqual(['wait', 'services', 'testing', 'otel'])
    expect(Object.fromEntries(entries).otel).toContain('trace')
    expect(await leaksOf(directory)).toEqual([])
  },
)

test('its types are right for who resolves modules as Node does, and as bundlers do', async () => {
  const failed = await npm(['run', '--silent', 'types']).catch((error: { stdout: string }) => error)
  expect(failed.stdout).toBe('')
}, 600_000)

test('tests of vitest have Redis and PostgreSQL by it', async () => {
  const images = [imageArchive('redis'), imageArchive('postgres')].join(':')
  const told = (said: { stdout: string; stderr: string }) => `${said.stdout}${said.stderr}`
  const output = await npm(['test', '--silent'], { SAMPLE_IMAGES: images }).then(told, told)
  expect(output).toMatch(/Tests +4 passed/)
  expect(await leaksOf(directory)).toEqual([])
}, 600_000)
