import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Block, blocksOf, fileNameOf, moduleOf } from './page.js'

const repository = fileURLToPath(new URL('../../..', import.meta.url))
const runner = fileURLToPath(new URL('runner.js', import.meta.url))

/** A page of the guide, as a program. */
export interface GuidePage {
  /** Its path in the repository. */
  readonly path: string
  /** Where its files are; a program runs there. */
  readonly directory: string
  /** Runs its snippets. */
  readonly program: string
  /** Suites that it shows, by who runs them. */
  readonly suites: { readonly vitest: readonly string[]; readonly node: readonly string[] }
}

/** A project of somebody who has installed inboard, with the pages as programs: gone when it is disposed of. */
export interface GuideProject extends AsyncDisposable {
  readonly directory: string
  readonly pages: readonly GuidePage[]
}

export async function makeProject(paths: readonly string[]): Promise<GuideProject> {
  const directory = await mkdtemp('/tmp/ib-guide-')
  await installInto(directory)
  return {
    directory,
    pages: await Promise.all(paths.map((path) => makePage(directory, path))),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

/** As npm would, but linked: inboard, and whatever the repository has installed. */
async function installInto(directory: string): Promise<void> {
  const installed = join(repository, 'node_modules')
  const modules = join(directory, 'node_modules')
  await mkdir(modules)
  for (const name of await readdir(installed))
    if (!name.startsWith('.')) await symlink(join(installed, name), join(modules, name))
  await symlink(repository, join(modules, 'inboard'))
  await writeFile(join(directory, 'package.json'), JSON.stringify({ name: 'guide', type: 'module', private: true }))
  const tsconfig = { extends: join(repository, 'tsconfig.json'), include: ['**/*.ts'], exclude: ['node_modules'] }
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(tsconfig))
}

async function makePage(project: string, path: string): Promise<GuidePage> {
  const directory = join(project, basename(path, '.md'))
  await mkdir(directory)
  const blocks = blocksOf(join(repository, path))
  const program = join(directory, 'run.ts')
  await writeFile(join(directory, 'page.ts'), moduleOf(path, blocks, runner))
  await writeFile(
    program,
    `import './page.js'\nimport { runAll } from '${runner}'\nawait runAll(${JSON.stringify(path)})\n`,
  )
  const files = blocks.flatMap((block) => ({ block, name: fileNameOf(block) }))
  for (const { block, name } of files) if (name) await writeBlock(directory, name, block)
  const suites = files.flatMap(({ block, name }) => (name && isSuite(block) ? { name, of: runnerOf(block) } : []))
  const namesOf = (who: 'vitest' | 'node') => suites.filter(({ of }) => of === who).map(({ name }) => name)
  return { path, directory, program, suites: { vitest: namesOf('vitest'), node: namesOf('node') } }
}

async function writeBlock(directory: string, name: string, { lines }: Block): Promise<void> {
  const path = join(directory, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `${lines.join('\n')}\n`)
}

const runnerOf = ({ lines }: Block) => (lines.some((line) => line.includes("'node:test'")) ? 'node' : 'vitest')

/** Whether a page shows test suites. */
export const hasSuites = (path: string): boolean => blocksOf(join(repository, path)).some(isSuite)

const isSuite = (block: Block) => fileNameOf(block)?.endsWith('.test.ts') ?? false
