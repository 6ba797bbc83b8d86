import { parseArgs } from 'node:util'
import {
  type Course,
  compareBuild,
  compareCrowd,
  compareList,
  compareRun,
  compareRunning,
  compareVersion,
} from './api/figures.js'
import { serveDocker, serveInboard } from './api/served.js'
import { printMachine } from './machine.js'
import { execute, Workspace } from './workspace.js'

/**
 * `npm run bench -- api [--runs 100] [--count 500] [--crowd 200] [--clients 20] [--only version,run,ps,running,build,crowd]`: the same
 * `docker` client through the socket of `inboard serve` and of a Docker daemon.
 */
export async function api(args: readonly string[]): Promise<void> {
  const options = {
    runs: { type: 'string', default: '100' },
    count: { type: 'string', default: '500' },
    crowd: { type: 'string', default: '200' },
    clients: { type: 'string', default: '20' },
    only: { type: 'string', default: Object.keys(figures).join() },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  // What both have.
  process.env.DOCKER_BUILDKIT = '0'
  await using workspace = await Workspace.open()
  printMachine()
  console.log((await execute('docker', ['--version'])).stdout.trim())
  const course: Course = {
    workspace,
    ...(await openBoth(workspace)),
    runs: Number(values.runs),
    count: Number(values.count),
    crowd: Number(values.crowd),
    clients: Number(values.clients),
  }
  for (const name of values.only.split(',')) await figures[name]?.(course)
}

const figures: Readonly<Record<string, (course: Course) => Promise<void>>> = {
  version: compareVersion,
  run: compareRun,
  ps: compareList,
  running: compareRunning,
  build: compareBuild,
  crowd: compareCrowd,
}

async function openBoth(workspace: Workspace): Promise<Pick<Course, 'own' | 'docker'>> {
  const own = await serveInboard(workspace)
  await own.docker('load', '--quiet', '--input', workspace.archive)
  const docker = await serveDocker(workspace)
  if (!docker) console.log('skipped docker: dockerd is not installed')
  return { own, docker }
}
