import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'
import { type GuideProject, hasSuites, makeProject } from '../support/guide/project.js'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('../..', import.meta.url))
const tool = (name: string) => join(repository, 'node_modules/.bin', name)
const pages = ['README.md', ...readdirSync(join(repository, 'examples/guide')).map((name) => `examples/guide/${name}`)]
const markdown = pages.filter((path) => path.endsWith('.md')).sort()

let host: TestEngine
let project: GuideProject
let env: NodeJS.ProcessEnv
beforeAll(async () => {
  host = await testEngine(['busybox', 'debian', 'redis', 'nginx', 'postgres', 'flask', 'registry'])
  // What presets name.
  await (await host.engine.images.get('postgres:15')).tag('postgres:17')
  project = await makeProject(markdown)
  env = { ...process.env, INBOARD_ROOT: host.engine.root, INBOARD_RUN_ROOT: host.engine.runRoot }
  // A suite that a page shows is run as if by hand.
  for (const name of Object.keys(env)) if (name.startsWith('VITEST')) delete env[name]
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  await project[Symbol.asyncDispose]()
  expect(left).toEqual([])
})

const page = (path: string) => {
  const found = project.pages.find((one) => one.path === path)
  if (!found) throw new Error(`no page ${path}`)
  return found
}

test('all snippets are right TypeScript', async () => {
  const { stdout } = await run(tool('tsc'), ['-p', '.'], { cwd: project.directory }).catch((error) => error)
  // Lines of a module are those of its page.
  expect(stdout.replace(/^([\w-]+)\/page\.ts\(/gm, '$1.md(')).toBe('')
})

test.each(markdown)('the snippets of %s do what they say', async (path) => {
  const { directory, program } = page(path)
  await run(tool('tsx'), [program], { cwd: directory, env })
})

test.each(markdown.filter(hasSuites))('the test suites of %s pass', async (path) => {
  const { directory, suites } = page(path)
  if (suites.vitest.length > 0)
    await run(tool('vitest'), ['run', '--root', '.', '--testTimeout=150000', ...suites.vitest], { cwd: directory, env })
  for (const file of suites.node) await run(tool('tsx'), ['--test', file], { cwd: directory, env })
})
