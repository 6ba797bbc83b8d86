import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestEngine } from './engine.js'

/** What became of the tests of a project. */
export interface ProjectRun {
  readonly exitCode: number | null
  /** What the default reporter has printed. */
  readonly output: string
  readonly junit: string
  /** Each test's `passed`, `failed` or `skipped`, by its title. */
  readonly tests: Readonly<Record<string, string>>
  /** Lines that tests have told, with `tell()` of `./facts.js`. */
  readonly facts: readonly string[]
}

/** A directory outside this tree with vitest and this package installed, and the root of an engine for its tests. */
export interface VitestProject extends AsyncDisposable {
  /**
   * Runs vitest there, in processes of its own.
   *
   * @param files by their names
   * @param options vitest's, such as `'--maxWorkers=2'`
   */
  run(files: Readonly<Record<string, string>>, options?: readonly string[]): Promise<ProjectRun>
}

const repository = fileURLToPath(new URL('../../', import.meta.url))

const config = `
import { defineConfig } from 'vitest/config'
// It is in another place than node_modules, through a symbolic link.
export default defineConfig({ test: { testTimeout: 120_000, hookTimeout: 120_000, server: { deps: { external: [/dist/] } } } })
`

const facts = `
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
export const tell = (fact) => appendFileSync('facts', fact + '\\n')
export const told = () => (existsSync('facts') ? readFileSync('facts', 'utf8').split('\\n') : [])
`

export async function vitestProject({ directory: ofEngine }: TestEngine): Promise<VitestProject> {
  const directory = await mkdtemp('/tmp/ib-vitest-')
  await mkdir(join(directory, 'node_modules'))
  await symlink(repository, join(directory, 'node_modules/inboard'))
  await symlink(join(repository, 'node_modules/vitest'), join(directory, 'node_modules/vitest'))
  return {
    async run(files, options = []) {
      const all = { 'vitest.config.mjs': config, 'facts.js': facts, 'package.json': '{"type":"module"}', ...files }
      for (const [name, text] of Object.entries(all)) await writeFile(join(directory, name), text)
      const reporters = ['default', 'junit', 'json'].map((name) => `--reporter=${name}`)
      const outputs = ['junit', 'json'].map((name) => `--outputFile.${name}=${name}`)
      const ended = await execute(directory, ofEngine, ['run', ...reporters, ...outputs, ...options])
      const [junit = '', json = '', told = ''] = await Promise.all(
        ['junit', 'json', 'facts'].map((name) => read(join(directory, name))),
      )
      await Promise.all(Object.keys(files).map((name) => rm(join(directory, name))))
      return { ...ended, junit, tests: outcomes(json), facts: told.split('\n').filter(Boolean) }
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  }
}

/** What a file says; '' when there is none. It is gone then. */
async function read(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '')
  await rm(path, { force: true })
  return text
}

function execute(cwd: string, ofEngine: string, options: readonly string[]) {
  const program = join(repository, 'node_modules/vitest/vitest.mjs')
  // Nothing of the vitest that runs this.
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|VITE_|NODE_ENV|TEST|DEV|PROD|MODE|SSR)/.test(name),
  )
  const env = {
    ...Object.fromEntries(own),
    NO_COLOR: '1',
    INBOARD_ROOT: join(ofEngine, 'root'),
    INBOARD_RUN_ROOT: join(ofEngine, 'run'),
  }
  return new Promise<{ exitCode: number | null; output: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...options],
      { cwd, env, maxBuffer: 2 ** 26 },
      (_, stdout, stderr) => resolve({ exitCode: child.exitCode, output: stdout + stderr }),
    )
  })
}

interface JsonReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[]
  }[]
}

function outcomes(json: string): Record<string, string> {
  const { testResults } = JSON.parse(json || '{"testResults":[]}') as JsonReport
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  return Object.fromEntries(tests.map(({ title, status }) => [title, status]))
}
