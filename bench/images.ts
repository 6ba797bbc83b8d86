import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Engine } from 'inboard'
import { extractLayer } from '../src/layer/index.js'
import { startRegistry, type TestRegistry } from '../test/support/registry.js'
import { type BenchImage, imageName, makeImage, makeLargeImage } from './images/fixture.js'
import { type Contender, inRounds, type Run } from './images/rounds.js'
import { makeRunRoot, openEngine } from './inboard.js'
import { printMachine } from './machine.js'
import { type DockerDaemon, dockerDaemon } from './peers/docker-daemon.js'
import { DockerImages } from './peers/docker-images.js'
import { hasSkopeo, removeDirectory, skopeoPush, skopeoTar, skopeoUmoci, tarExtract } from './peers/skopeo.js'
import { median, printTable, printTarget } from './statistics.js'
import { ensureProgram, execute, Workspace } from './workspace.js'

/** Where everything happens: one workspace, one registry with the image, and those that move it. */
interface Place {
  readonly workspace: Workspace
  readonly engine: Engine
  readonly image: BenchImage
  readonly registry: TestRegistry
  /** The image in the registry. */
  readonly reference: string
  readonly docker: { readonly images: DockerImages; readonly daemon: DockerDaemon } | undefined
  readonly rounds: number
}

const largeLayerBytes = 1024 ** 3

/** `npm run bench -- images [--rounds 5] [--only pull,push,load,repull,extract,memory]`: images moved about, beside the peers. */
export async function images(args: readonly string[]): Promise<void> {
  const options = {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: Object.keys(figures).join() },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  await using workspace = await Workspace.open()
  printMachine()
  if (!(await hasSkopeo()) || !(await ensureProgram('docker-registry', 'docker-registry'))) {
    console.log('skopeo, umoci and docker-registry are needed and cannot be installed')
    process.exitCode = 1
    return
  }
  const place = await openPlace(workspace, Number(values.rounds))
  for (const name of values.only.split(',')) await figures[name]?.(place)
}

const figures: Readonly<Record<string, (place: Place) => Promise<void>>> = {
  pull: comparePull,
  repull: compareRepull,
  push: comparePush,
  load: compareLoad,
  extract: compareExtraction,
  memory: printMemory,
}

async function openPlace(workspace: Workspace, rounds: number): Promise<Place> {
  const image = await makeImage(workspace)
  for (const { name, tarBytes, blobBytes } of image.layers)
    console.log(`layer ${name}: ${megabytes(tarBytes)} MB, ${megabytes(blobBytes)} MB compressed`)
  const daemon = await dockerDaemon(workspace)
  if (!daemon) console.log('skipped docker: dockerd is not installed')
  const registry = await openRegistry(workspace, daemon)
  workspace.defer(async () => registry[Symbol.asyncDispose]())
  const reference = `${registry.host}/${imageName}`
  await skopeoPush(image.layout, reference)
  const docker = daemon && { images: new DockerImages(daemon), daemon }
  return { workspace, engine: await openEngine(workspace), image, registry, reference, docker, rounds }
}

/** A registry of Debian's, for us and for those in the daemon's network namespace. */
async function openRegistry(workspace: Workspace, daemon: DockerDaemon | undefined): Promise<TestRegistry> {
  const registry = await startRegistry({ parent: workspace.directory })
  if (daemon) await registry.serveIn(daemon.pid)
  return registry
}

async function comparePull({ engine, docker, workspace, reference, rounds }: Place): Promise<void> {
  const place = (name: string) => join(workspace.directory, name)
  const unpacked = (name: string, run: (reference: string, directory: string) => Promise<void>): Contender => ({
    name,
    prepare: async () => {
      await removeDirectory(place('unpacked'))
      await mkdir(place('unpacked'))
    },
    run: () => run(reference, place('unpacked')),
  })
  const inboard = {
    name: 'inboard engine.pull()',
    prepare: () => engine.images.prune({ all: true }),
    run: async () => void (await engine.pull(reference)),
  }
  const umoci = unpacked('skopeo copy oci: + umoci unpack', skopeoUmoci)
  const tar = unpacked('skopeo copy dir: + tar xzf', skopeoTar)
  const dockerPull = docker && {
    name: 'docker pull',
    prepare: docker.images.clear,
    run: () => docker.images.pull(reference),
  }
  await compare('cold pull', rounds, inboard, [
    [dockerPull, 0.6],
    [umoci, 0.9],
    [tar, 0.9],
  ])
  await removeDirectory(place('unpacked'))
}

async function compareRepull({ engine, docker, reference, rounds }: Place): Promise<void> {
  await engine.pull(reference)
  await docker?.images.pull(reference)
  const inboard = { name: 'inboard engine.pull()', run: async () => void (await engine.pull(reference)) }
  const dockerPull = docker && { name: 'docker pull', run: () => docker.images.pull(reference) }
  const runs = await compare('pull with everything present', rounds * 2, inboard, [[dockerPull, undefined]])
  printTarget('pull with everything present', medianOf(runs, 'answered'), 50, ' ms')
}

/** Each to a registry of its own that has nothing. */
async function comparePush({ engine, docker, workspace, image, reference, rounds }: Place): Promise<void> {
  await engine.pull(reference)
  await docker?.images.pull(reference)
  let registry: TestRegistry | undefined
  const fresh = async () => {
    await registry?.[Symbol.asyncDispose]()
    registry = await openRegistry(workspace, docker?.daemon)
    return `${registry.host}/${imageName}`
  }
  const pushing = (
    name: string,
    tag: (target: string) => Promise<unknown>,
    push: (target: string) => Promise<unknown>,
  ): Contender => {
    let target = ''
    return {
      name,
      prepare: async () => {
        target = await fresh()
        await tag(target)
      },
      run: () => push(target),
    }
  }
  const inboard = pushing(
    'inboard images.push()',
    async (target) => (await engine.images.get(reference)).tag(target),
    async (target) => void (await engine.images.push(target)),
  )
  const dockerPush =
    docker && pushing('docker push', (target) => docker.images.tag(reference, target), docker.images.push)
  const skopeo = pushing(
    'skopeo copy oci: docker:',
    async () => {},
    (target) => skopeoPush(image.layout, target),
  )
  await compare('push to an empty registry', rounds, inboard, [
    [dockerPush, 0.8],
    [skopeo, undefined],
  ])
  await registry?.[Symbol.asyncDispose]()
}

async function compareLoad({ engine, docker, image, rounds }: Place): Promise<void> {
  const inboard = {
    name: 'inboard images.load()',
    prepare: () => engine.images.prune({ all: true }),
    run: async () => void (await engine.images.load(image.archive)),
  }
  const dockerLoad = docker && {
    name: 'docker load',
    prepare: docker.images.clear,
    run: () => docker.images.load(image.archive),
  }
  await compare('load of a docker-archive', rounds, inboard, [[dockerLoad, 0.5]])
}

async function compareExtraction({ workspace, image, rounds }: Place): Promise<void> {
  const directory = join(workspace.directory, 'extracted')
  const prepare = async () => {
    await removeDirectory(directory)
    await mkdir(directory)
  }
  for (const { name, blob } of image.layers) {
    const inboard = { name: 'inboard', prepare, run: () => extractLayer(blob, directory, { format: 'overlay' }) }
    const tar = { name: 'tar xzf', prepare, run: () => tarExtract(blob, directory) }
    await compare(`extraction of the layer ${name}`, rounds, inboard, [[tar, 1.5]])
  }
  await removeDirectory(directory)
}

/** The most memory that a Node process has had that does nothing but pull. */
async function printMemory({ workspace, registry }: Place): Promise<void> {
  const reference = `${registry.host}/bench/large:1`
  await skopeoPush(await makeLargeImage(workspace, largeLayerBytes), reference)
  const program = fileURLToPath(new URL('images/pull-memory.mjs', import.meta.url))
  const roots = [join(workspace.directory, 'memory'), await makeRunRoot(workspace)]
  const { stdout } = await execute(process.execPath, [program, ...roots, reference])
  const { idle, peak, ms } = JSON.parse(stdout)
  const figures = `${megabytes(idle)} MB before, ${megabytes(peak)} MB at most, ${Math.round(ms)} ms`
  console.log(`\nmemory of the Node process in a pull of a layer of ${megabytes(largeLayerBytes)} MB: ${figures}`)
  printTarget('peak memory during a pull of a layer of 1 GiB', peak / 1e6, 200, ' MB')
}

/** Prints the times, and how inboard's compare to those of each peer that is there. */
async function compare(
  title: string,
  rounds: number,
  inboard: Contender,
  peers: readonly (readonly [peer: Contender | undefined, limit: number | undefined])[],
): Promise<readonly Run[]> {
  const contenders = [inboard, ...peers.flatMap(([peer]) => peer ?? [])]
  const measured = await inRounds(contenders, rounds)
  const runsOf = (contender: Contender) => measured.get(contender) as Run[]
  console.log(`\n${title}; milliseconds to the result, and until all is on the disk; ${rounds} rounds`)
  const rows = contenders.map((contender) => {
    const columns = (['answered', 'synced'] as const).flatMap((what) => {
      const times = runsOf(contender).map((run) => run[what])
      return [median(times), Math.min(...times), Math.max(...times)].map((time) => time.toFixed(time < 100 ? 1 : 0))
    })
    return [contender.name, ...columns]
  })
  printTable(['', 'result', 'least', 'most', 'synced', 'least', 'most'], rows)
  for (const [peer, limit] of peers) {
    if (!peer) continue
    const ratio = (what: keyof Run) => medianOf(runsOf(inboard), what) / medianOf(runsOf(peer), what)
    console.log(`  ÷ ${peer.name}: ${ratio('answered').toFixed(3)}, with sync ${ratio('synced').toFixed(3)}`)
    if (limit !== undefined) printTarget(`${title}, inboard / ${peer.name}`, ratio('answered'), limit)
  }
  return runsOf(inboard)
}

const medianOf = (runs: readonly Run[], what: keyof Run) => median(runs.map((run) => run[what]))

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)
