import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Container, Engine, Volume } from 'inboard'
import { type Contender, inRounds, type Run } from '../images/rounds.js'
import { dockerDaemon } from '../peers/docker-daemon.js'
import { median, printTable, printTarget } from '../statistics.js'
import { execute, type Workspace } from '../workspace.js'

const megabyte = 1_000_000
const total = 200 * megabyte

/** How many files the 200 MB are. */
const contents = { 'one file': 1, '20,000 files': 20_000 } as const

/** A new container's volume is filled with 200 MB of its image, beside `cp --archive` of the same directory, and Docker's. */
export async function compareCopyUp(workspace: Workspace, engine: Engine, rounds: number): Promise<void> {
  for (const [name, files] of Object.entries(contents)) {
    const source = join(workspace.directory, `content-${files}`)
    const reference = `content-${files}`
    await makeContent(join(source, 'data'), files)
    const archive = `${source}.tar`
    await execute('tar', ['--create', '--file', archive, '--directory', source, 'data'])
    await engine.images.import(archive, { reference })
    const own = inboardCopy(engine, reference)
    const host = hostCopy(join(source, 'data'), join(workspace.directory, 'copied'))
    const docker = await dockerCopy(workspace, archive, reference)
    await rm(archive)
    const runs = await inRounds(docker ? [own, host, docker] : [own, host], rounds)
    await own.prepare?.()
    await host.prepare?.()
    print(`200 MB, ${name}`, runs, own, host, docker)
  }
}

async function makeContent(directory: string, files: number): Promise<void> {
  const bytes = Buffer.alloc(total / files, 'copied into a new volume, ')
  for (let at = 0; at < files; at++) {
    const below = join(directory, `d${Math.floor(at / 100)}`)
    if (at % 100 === 0) await mkdir(below, { recursive: true })
    await writeFile(join(below, `file-${at}`), bytes)
  }
}

function inboardCopy(engine: Engine, image: string): Contender {
  let container: Container | undefined
  let volume: Volume | undefined
  let made = 0
  return {
    name: 'inboard create()',
    prepare: async () => {
      await container?.remove()
      await volume?.remove()
    },
    run: async () => {
      const name = `${image}-${made++}`
      container = await engine.run(image, ['true']).network('none').volume(`${name}:/data`).create()
      volume = await engine.volumes.get(name)
    },
  }
}

function hostCopy(source: string, target: string): Contender {
  return {
    name: 'cp --archive',
    prepare: () => rm(target, { recursive: true, force: true }),
    run: () => execute('cp', ['--archive', source, target]),
  }
}

async function dockerCopy(workspace: Workspace, archive: string, image: string): Promise<Contender | undefined> {
  const daemon = await dockerDaemon(workspace)
  if (!daemon) return undefined
  const docker = (...args: readonly string[]) => execute('docker', ['--host', `unix://${daemon.socket}`, ...args])
  await docker('import', archive, image)
  const name = `filled-${image}`
  return {
    name: 'docker create',
    prepare: () => docker('rm', '--volumes', '--force', name),
    run: () => docker('create', '--name', name, '--network', 'none', '--volume', '/data', image, 'true'),
  }
}

function print(
  what: string,
  runs: ReadonlyMap<Contender, readonly Run[]>,
  own: Contender,
  host: Contender,
  docker: Contender | undefined,
): void {
  const timeOf = (contender: Contender, time: keyof Run) => median((runs.get(contender) ?? []).map((run) => run[time]))
  console.log(`\ncopy-up of ${what}; milliseconds until it is answered, and until it is on the disk`)
  const rows = [...runs.keys()].map((contender) => [
    contender.name,
    ...(['answered', 'synced'] as const).map((time) => timeOf(contender, time).toFixed(0)),
  ])
  printTable(['', 'answered', 'synced'], rows)
  printTarget(`copy-up of ${what}, × cp --archive`, timeOf(own, 'answered') / timeOf(host, 'answered'), 1.3)
  if (docker) printTarget(`copy-up of ${what}, × docker`, timeOf(own, 'answered') / timeOf(docker, 'answered'), 1)
}
