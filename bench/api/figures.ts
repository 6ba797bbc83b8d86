import { join } from 'node:path'
import { imageArchive } from '../../test/support/images.js'
import { makeService } from '../build/contexts.js'
import { printTimes } from '../lifecycle/exec.js'
import { backToBack } from '../measure.js'
import { inParallel } from '../parallel.js'
import { median, printTable, printTarget } from '../statistics.js'
import { execute, type Workspace } from '../workspace.js'
import type { Api } from './api.js'
import { serveReplay } from './served.js'

/** What is measured of both, and how often. */
export interface Course {
  readonly workspace: Workspace
  readonly own: Api
  readonly docker: Api | undefined
  /** What the client does with an answer that is there at once. */
  readonly floor?: Api
  readonly runs: number
  /** Containers of the list. */
  readonly count: number
  /** Containers that are started, and clients that do it. */
  readonly crowd: number
  readonly clients: number
}

/** What any command costs: the client asks which versions are spoken. */
export const compareVersion = (course: Course) => compare(course, undefined, 'version', '--format', 'json')

export const compareRun = (course: Course) => compare(course, 0.3, 'run', '--rm', 'busybox', 'true')

/** A list of containers that were created, and never started. */
export async function compareList(course: Course): Promise<void> {
  await fill(course, (api) => api.requests.create(['true'], false))
  console.log(`\n${course.count} containers, created`)
  await compareAnswer(course, '/v1.47/containers/json?all=1', 'ps', '--all')
  for (const api of apisOf(course)) await api.docker('container', 'prune', '--force')
}

/** A list of containers that run: each of the daemon's has a process of 10 MB beside it. */
export async function compareRunning(course: Course): Promise<void> {
  const lists = await fill(course, async ({ requests }) => {
    const id = await requests.create(['sleep', '1000000'], false)
    await requests.post(`/containers/${id}/start`)
    return id
  })
  console.log(`\n${course.count} containers, running`)
  await compareAnswer(course, '/v1.47/containers/json', 'ps')
  for (const [{ requests, docker }, ids] of lists) {
    // To stop or to remove so many that run takes the daemon minutes.
    await inParallel(ids.length, 8, async (at) => {
      const { State } = JSON.parse(await requests.get(`/containers/${ids[at]}/json`))
      process.kill(State.Pid, 'SIGKILL')
      await requests.post(`/containers/${ids[at]}/wait`)
    })
    await docker('container', 'prune', '--force')
  }
}

/** Makes the containers of a list; those of each. */
async function fill(course: Course, make: (api: Api) => Promise<string>) {
  const lists: [Api, string[]][] = []
  for (const api of apisOf(course)) {
    const ids = await inParallel(course.count, 8, () => make(api))
    const listed = await api.docker('ps', '--all', '--quiet', '--no-trunc')
    if (ids.some((id) => !listed.includes(id))) throw new Error(`${api.name} does not list all of ${ids.length}`)
    lists.push([api, ids])
  }
  return lists
}

async function compareAnswer(course: Course, path: string, ...command: readonly string[]): Promise<void> {
  const floor = await serveReplay(course.workspace, path.replace(/\W+/g, '-'), await course.own.requests.get(path))
  await compare({ ...course, floor }, 0.5, ...command)
}

/** Twelve steps, all of which were done before, by the classic builder. */
export async function compareBuild(course: Course): Promise<void> {
  const context = await makeService(join(course.workspace.directory, 'service'))
  for (const api of apisOf(course)) {
    await api.docker('load', '--quiet', '--input', imageArchive('debian'))
    await api.docker('build', '--tag', 'bench', context)
  }
  const request =
    'tar --create --directory "$1" . | curl --silent --show-error --fail --unix-socket "$2" --data-binary @- "$3"'
  const url = 'http://docker/v1.47/build?t=bench'
  const { stdout } = await execute('sh', ['-c', request, 'sh', context, course.own.requests.socketPath, url])
  await compare(
    { ...course, floor: await serveReplay(course.workspace, 'build', stdout) },
    0.5,
    'build',
    '--tag',
    'bench',
    context,
  )
}

/** Many clients at once, each of which starts one container after the other. */
export async function compareCrowd(course: Course): Promise<void> {
  console.log(`\n${course.crowd} containers started by ${course.clients} clients at once`)
  const rows: string[][] = []
  for (const api of apisOf(course)) {
    const { times, totalMs, errors } = await startCrowd(api, course)
    const figures = [totalMs / 1000, median(times), Math.max(...times)]
    rows.push([api.name, ...figures.map((figure) => figure.toFixed(2)), String(errors.length)])
    for (const error of errors.slice(0, 3)) console.log(`${api.name}: ${error}`)
    if (api === course.own) printTarget('containers that did not start', errors.length, 0)
  }
  printTable(['', 'all, s', 'one, median ms', 'slowest ms', 'errors'], rows)
}

async function startCrowd(api: Api, { crowd, clients }: Course) {
  const errors: string[] = []
  const began = performance.now()
  const times = await inParallel(crowd, clients, async () => {
    const start = performance.now()
    await api.docker('run', '--detach', 'busybox', 'sleep', '1000000').catch((error) => errors.push(String(error)))
    return performance.now() - start
  })
  const totalMs = performance.now() - began
  const running = (await api.docker('ps', '--quiet', '--no-trunc')).split('\n').filter(Boolean)
  if (running.length !== crowd) errors.push(`${running.length} of ${crowd} run`)
  await inParallel(running.length, clients, (at) => api.docker('rm', '--force', running[at] ?? ''))
  return { times, totalMs, errors }
}

const apisOf = ({ own, docker }: Course): Api[] => [own, ...(docker ? [docker] : [])]

/** A command of the client in turns with both, and how their medians compare. */
async function compare(course: Course, limit: number | undefined, ...command: readonly string[]): Promise<void> {
  const { own, docker, floor } = course
  const apis = [own, docker, floor].filter((api) => api !== undefined)
  const measured = await backToBack(
    apis.map((api) => api.peer(...command)),
    course.runs,
    course.runs,
  )
  console.log()
  printTimes(measured)
  const medians = new Map(measured.map(({ times }, at) => [apis[at], median(times.map(({ removed }) => removed))]))
  const [ours, theirs, least] = [own, docker, floor].map((api) => medians.get(api) ?? Number.NaN) as [
    number,
    number,
    number,
  ]
  const what = `docker ${command.slice(0, 3).join(' ')}, inboard / docker`
  if (limit === undefined) console.log(`${what}: ${(ours / theirs).toFixed(3)}`)
  else printTarget(what, ours / theirs, limit)
  if (floor)
    console.log(`inboard / floor: ${(ours / least).toFixed(3)}; floor / docker: ${(least / theirs).toFixed(3)}`)
}
