import { randomFillSync } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from 'inboard'
import { DockerApi } from '../peers/docker-api.js'
import { dockerSocket } from '../peers/docker-daemon.js'
import { median, printTable, printTarget } from '../statistics.js'
import { execute, type Workspace } from '../workspace.js'

const sleep = ['sleep', '1000000']
const megabytes = 200

/** Copies between the host and a container that runs. */
interface Copier {
  into(source: string, target: string): Promise<unknown>
  outOf(source: string, target: string): Promise<unknown>
}

/** A large file, and a directory of small ones, into a container and out of it. */
export async function compareCopies(workspace: Workspace, engine: Engine, rounds: number): Promise<void> {
  const directory = join(workspace.directory, 'copies')
  makeFiles(directory)
  const docker = await openDocker(workspace)
  if (!docker) console.log('skipped docker cp: dockerd is not installed')
  const own = await openOwn(workspace, engine)
  console.log(`\ncopies: a file of ${megabytes} MB, and 1,000 files of 4 KiB`)
  const rows: [string, number, number][] = []
  for (const what of ['file', 'files']) {
    const [ours, theirs] = [new Times(), new Times()]
    // In turns, so that what else the machine does slows both.
    for (let round = 0; round < rounds; round++) {
      await ours.add(own, directory, what, round)
      if (docker) await theirs.add(docker, directory, what, round)
    }
    rows.push([`${what} into`, median(ours.into), median(theirs.into)])
    rows.push([`${what} out of`, median(ours.outOf), median(theirs.outOf)])
  }
  printTable(
    ['median ms', 'inboard', 'docker cp', 'ratio'],
    rows.map(([what, ours, theirs]) => [what, ours.toFixed(1), theirs.toFixed(1), (ours / theirs).toFixed(3)]),
  )
  for (const [what, ours, theirs] of rows)
    printTarget(`copy of ${what} a container, inboard / docker cp`, ours / theirs, 0.5)
}

function makeFiles(directory: string): void {
  mkdirSync(join(directory, 'files'), { recursive: true })
  const bytes = randomFillSync(Buffer.alloc(megabytes * 1_000_000))
  writeFileSync(join(directory, 'file'), bytes)
  for (let index = 0; index < 1000; index++)
    writeFileSync(join(directory, 'files', `${index}`), bytes.subarray(index, index + 4096))
}

class Times {
  readonly into: number[] = []
  readonly outOf: number[] = []

  async add(copier: Copier, directory: string, what: string, round: number): Promise<void> {
    const back = join(directory, 'back')
    // Files that are there already would be replaced.
    this.into.push(await timed(() => copier.into(join(directory, what), `/root/${what}-${round}`)))
    this.outOf.push(await timed(() => copier.outOf(`/root/${what}-${round}`, back)))
    rmSync(back, { recursive: true })
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

async function openOwn(workspace: Workspace, engine: Engine): Promise<Copier> {
  const container = await engine.run('busybox', sleep).network('none')
  workspace.defer(() => container.remove({ force: true }))
  return {
    into: (source, target) => container.copyTo(source, target),
    outOf: (source, target) => container.copyFrom(source, target),
  }
}

async function openDocker(workspace: Workspace): Promise<Copier | undefined> {
  const socket = await dockerSocket(workspace)
  if (!socket) return undefined
  const docker = new DockerApi(socket)
  workspace.defer(async () => docker.close())
  const id = await docker.create(sleep, false)
  await docker.post(`/containers/${id}/start`)
  const copy = (from: string, to: string) => execute('docker', ['-H', `unix://${socket}`, 'cp', '-q', from, to])
  return {
    into: (source, target) => copy(source, `${id}:${target}`),
    outOf: (source, target) => copy(`${id}:${source}`, target),
  }
}
