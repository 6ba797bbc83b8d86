import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Builder } from './build/builder.js'
import { type Course, inTurns, medianOf, printRatios, printTimes } from './build/compare.js'
import { changeOne, makeManyFiles, makeService, makeStages, manyFiles } from './build/contexts.js'
import { ownBuilders } from './build/own.js'
import { buildahBuilder, dockerBuilder } from './build/peers.js'
import { printMachine } from './machine.js'
import { printTarget } from './statistics.js'
import { Workspace } from './workspace.js'

/** Where everything happens, and who builds. */
interface Place {
  readonly workspace: Workspace
  readonly own: Builder
  /** The same in a process that has begun for it. */
  readonly fresh: Builder
  readonly docker: Builder | undefined
  readonly buildah: Builder | undefined
  readonly rounds: number
}

/** `npm run bench -- build [--rounds 5] [--only cold,cached,changed,stages]`: builds, beside Docker's classic builder and buildah. */
export async function build(args: readonly string[]): Promise<void> {
  const options = {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: Object.keys(figures).join() },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  await using workspace = await Workspace.open()
  printMachine()
  const place = await openPlace(workspace, Number(values.rounds))
  for (const name of values.only.split(',')) await figures[name]?.(place)
}

const figures: Readonly<Record<string, (place: Place) => Promise<void>>> = {
  cold: compareCold,
  cached: compareCached,
  changed: compareChanged,
  stages: compareStages,
}

async function openPlace(workspace: Workspace, rounds: number): Promise<Place> {
  const docker = await dockerBuilder(workspace)
  if (!docker) console.log('skipped docker: dockerd is not installed')
  const buildah = await buildahBuilder(workspace)
  if (!buildah) console.log('skipped buildah: it is not installed')
  return { workspace, docker, buildah, rounds, ...(await ownBuilders(workspace)) }
}

const builders = ({ own, fresh, docker, buildah }: Place): Builder[] =>
  [own, fresh, docker, buildah].filter((builder) => builder !== undefined)

/** Twelve steps, none of which was done before. */
async function compareCold(place: Place): Promise<void> {
  const { workspace, own, docker, buildah, rounds } = place
  const context = await makeService(join(workspace.directory, 'service'))
  const title = 'cold build of 12 steps'
  const course: Course = { title, context, isUncached: true, rounds, prepare: (builder) => builder.prune() }
  const times = await inTurns(course, builders(place))
  printTimes(course, times)
  printRatios(course, times, own, [
    [docker, 0.4],
    [buildah, undefined],
  ])
}

/** Twelve steps, all of which were done before. */
async function compareCached(place: Place): Promise<void> {
  const { workspace, own, fresh, docker, buildah, rounds } = place
  const context = await makeService(join(workspace.directory, 'again'))
  const course: Course = { title: 'cached build of 12 steps', context, isUncached: false, rounds: rounds * 2 }
  const times = await inTurns(course, builders(place))
  printTimes(course, times)
  for (const builder of [own, fresh])
    printTarget(`${course.title}, ${builder.name}`, medianOf(times, builder, 'ms'), 60, ' ms')
  printRatios(course, times, own, [
    [docker, undefined],
    [buildah, undefined],
  ])
}

async function compareChanged(place: Place): Promise<void> {
  const { workspace, own, fresh, docker, buildah, rounds } = place
  const context = await makeManyFiles(join(workspace.directory, 'many'))
  const title = `build with one changed file of ${manyFiles}`
  let change = 0
  const prepare = async (builder: Builder) => {
    await builder.prune()
    await changeOne(context, `change ${change++}`)
  }
  const course: Course = { title, context, isUncached: false, rounds, prepare }
  const times = await inTurns(course, builders(place))
  printTimes(course, times)
  for (const builder of [own, fresh])
    printTarget(`${title}, to the first step, ${builder.name}`, medianOf(times, builder, 'firstStepMs'), 300, ' ms')
  printRatios(course, times, own, [
    [docker, undefined],
    [buildah, undefined],
  ])
}

/** Of Docker's classic builder and buildah one stage comes after the other. */
async function compareStages(place: Place): Promise<void> {
  const { workspace, own, docker, buildah, rounds } = place
  const context = await makeStages(join(workspace.directory, 'stages'))
  const title = 'two independent stages of 5 s'
  const course: Course = { title, context, isUncached: true, rounds: Math.ceil(rounds / 3) }
  const times = await inTurns(course, builders(place))
  printTimes(course, times)
  printTarget(title, medianOf(times, own, 'ms') / 1000, 7, ' s')
  printRatios(course, times, own, [
    [docker, undefined],
    [buildah, undefined],
  ])
}
