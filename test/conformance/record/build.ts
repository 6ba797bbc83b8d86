// Records facts/build/*.jsonl: what `docker build` (DOCKER_HOST; the classic builder) makes of support/build-cases.
//   npx tsx test/conformance/record/build.ts [--new] [GROUP...]     --new: only cases that there are no facts of
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { BuildCase } from '../../support/build-cases/build-case.js'
import { type BuildGroupName, buildCases, buildGroups } from '../../support/build-cases/index.js'
import { makeContext } from '../../support/build-cases/make-context.js'
import { comparable, factOf, stepOf } from '../../support/build-cases/saved-image.js'
import { imageArchive } from '../../support/images.js'
import { readFacts } from '../support/build-facts.js'

const run = promisify(execFile)
const env = { ...process.env, DOCKER_BUILDKIT: '0' }
const docker = async (...args: string[]) => (await run('docker', args, { env, maxBuffer: 1 << 28 })).stdout.trim()
const saved = (image: string) => execFileSync('docker', ['save', image], { env, maxBuffer: 1 << 28 })

const asked = process.argv.slice(2)
const isForNew = asked.includes('--new')
const named = asked.filter((name) => name !== '--new') as BuildGroupName[]
const begun = Date.now()
const directory = mkdtempSync('/tmp/build-facts-')

loadBase()
const base = saved('corpus')
try {
  for (const group of named.length > 0 ? named : buildGroups) await recordGroup(group)
} finally {
  rmSync(directory, { recursive: true })
  await removeLeft()
  await docker('rmi', 'corpus')
}

/** What builds that failed have left: the steps before. */
async function removeLeft(): Promise<void> {
  const [layer] = (await inspect('corpus')).RootFS.Layers
  const dangling = await docker('images', '-q', '--no-trunc', '--filter', 'dangling=true')
  for (const id of dangling.split('\n').filter((line) => line !== '')) {
    const { RootFS, Created, Size } = await inspect(id)
    if (Date.parse(Created) > begun && (RootFS.Layers?.[0] === layer || Size < 100)) await docker('rmi', '-f', id)
  }
}

async function inspect(image: string) {
  const [document] = JSON.parse(await docker('inspect', image))
  return document
}

/** An image without any layer cannot be saved. */
async function factOfEmpty(image: string) {
  const { Config, Author } = await inspect(image)
  const steps = await docker('history', '--no-trunc', '--format', '{{json .CreatedBy}}', image)
  const history = steps
    .split('\n')
    .reverse()
    .map((step) => ({ created_by: JSON.parse(step), empty_layer: true }))
  return { config: comparable(Config), ...(Author && { author: Author }), history: history.map(stepOf), files: {} }
}

/** Under a name of its own: the daemon may have another busybox. */
function loadBase(): void {
  const unpacked = mkdtempSync(join(directory, 'base-'))
  execFileSync('tar', ['-x', '-C', unpacked, '-f', imageArchive('busybox')])
  const manifest = join(unpacked, 'manifest.json')
  const [image] = JSON.parse(readFileSync(manifest, 'utf8'))
  writeFileSync(manifest, JSON.stringify([{ ...image, RepoTags: ['corpus:latest'] }]))
  execFileSync('sh', ['-c', `tar -c -C ${unpacked} . | docker load`], { env })
}

async function recordGroup(group: BuildGroupName): Promise<void> {
  const file = fileURLToPath(new URL(`../facts/build/${group}.jsonl`, import.meta.url))
  const known = isForNew && existsSync(file) ? readFacts(file) : {}
  const cases = buildCases(group)
  const facts: Record<string, unknown> = Object.fromEntries(cases.map(({ name }) => [name, known[name]]))
  const [waiting, withParents] = [false, true].map((has) =>
    cases.filter(({ name, parents }) => facts[name] === undefined && (parents !== undefined) === has),
  ) as [BuildCase[], BuildCase[]]
  const work = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) facts[one.name] = await record(one)
  }
  await Promise.all([work(), work(), work()])
  // Their names are the same.
  for (const one of withParents) facts[one.name] = await record(one)
  writeFileSync(
    file,
    Object.entries(facts)
      .map(([name, fact]) => `${JSON.stringify({ name, ...(fact as object) })}\n`)
      .join(''),
  )
  console.log(group, cases.length)
}

async function record(one: BuildCase) {
  const context = mkdtempSync(join(directory, 'context-'))
  const empty = mkdtempSync(join(directory, 'empty-'))
  await makeContext(context, one)
  const parents = Object.entries(one.parents ?? {})
  for (const [name, dockerfile] of parents) {
    mkdirSync(empty, { recursive: true })
    writeFileSync(join(empty, 'Dockerfile'), dockerfile)
    await build('-t', name, empty)
  }
  const args = Object.entries(one.buildArgs ?? {}).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
  const target = one.target === undefined ? [] : ['--target', one.target]
  try {
    const image = await build(...args, ...target, '-f', join(context, one.file ?? 'Dockerfile'), context)
    const isEmpty = (await inspect(image)).RootFS.Layers === undefined
    const fact = isEmpty ? await factOfEmpty(image) : await factOf(saved(image), base)
    await docker('rmi', image).catch(() => '')
    return fact
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    if (stderr === undefined || stderr === '') throw error
    return { error: reasonIn(stderr) }
  } finally {
    for (const [name] of parents.reverse()) await docker('rmi', name)
  }
}

function build(...args: string[]): Promise<string> {
  return docker('build', '-q', '--no-cache', '--force-rm', ...args)
}

/** The last line, without what is before Docker's reason, and what is another each time. */
function reasonIn(text: string): string {
  const last = text.trim().split('\n').at(-1) ?? ''
  return last
    .replace(/^(ERROR: |Error response from daemon: )/, '')
    .replace(/^failed to parse \S+: /, '')
    .replace(/^error during connect: .*: (EOF)$/, '$1')
    .replaceAll(/\/\S+\/overlay2\/[0-9a-f]+\/(merged|diff)/g, '<root>')
    .replace(/(pivot_root)\d+/, '$1')
}
