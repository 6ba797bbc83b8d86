import type { Engine } from 'inboard'
import { imageArchive } from '../../test/support/images.js'
import { dockerDaemon } from '../peers/docker-daemon.js'
import { median, printTable, printTarget } from '../statistics.js'
import { execute, type Workspace } from '../workspace.js'

const port = 5201
/** Of a measurement; the first is warming up. */
const seconds = '3'
const tries = 50
const image = 'nettools'
const server = ['iperf3', '--server']
// The server may not listen yet.
const client = [
  'sh',
  '-c',
  `for try in $(seq ${tries}); do report=$(iperf3 --client "$0" --time ${seconds} --omit 1 --json) && break; sleep 0.1; done; echo "$report"`,
]

const routes = {
  between: 'container ↔ container',
  published: "host → published port, at the host's address",
  loopback: 'host → published port, at 127.0.0.1',
} as const

type Route = keyof typeof routes

/** A server in a container on the default bridge, its port published, and clients that send to it. */
interface Side {
  /** Bits a second from a client on the network to the address. */
  measure(route: Route): Promise<number>
}

/** TCP throughput between containers and from the host, in turns with Docker's. */
export async function compareThroughput(workspace: Workspace, engine: Engine, turns: number): Promise<void> {
  const own = await inboardSide(workspace, engine)
  const docker = await dockerSide(workspace)
  if (!docker) console.log('skipped docker: dockerd is not installed')
  const rows: string[][] = []
  const ratios = new Map<Route, number>()
  for (const route of Object.keys(routes) as Route[]) {
    const [ours, theirs] = await inTurns(route, own, docker, turns)
    ratios.set(route, median(ours) / median(theirs))
    rows.push([routes[route], ...[ours, theirs].map((figures) => (median(figures) / 1e9).toFixed(2))])
  }
  console.log('\nTCP throughput by iperf3, Gbit/s')
  printTable(['', 'inboard', 'docker'], rows)
  for (const [route, ratio] of ratios) printTarget(`throughput ${routes[route]}, × docker`, ratio, 0.95, '', 'atLeast')
}

async function inTurns(
  route: Route,
  own: Side,
  docker: Side | undefined,
  turns: number,
): Promise<[number[], number[]]> {
  const ours: number[] = []
  const theirs: number[] = []
  for (let turn = 0; turn < turns; turn++) {
    ours.push(await own.measure(route))
    if (docker) theirs.push(await docker.measure(route))
  }
  return [ours, theirs]
}

async function inboardSide(workspace: Workspace, engine: Engine): Promise<Side> {
  await engine.images.load(imageArchive(image))
  const container = await engine.run(image, server).network('bridge').publish(`${port}:${port}`)
  workspace.defer(() => container.remove({ force: true }))
  const { IPAddress, Gateway } = (await container.inspect()).NetworkSettings
  const targets = targetsOf(IPAddress, Gateway)
  const measure = async (route: Route) => {
    const { network, address } = targets[route]
    const { stdout } = await engine
      .run(image, [...client, address])
      .network(network)
      .rm()
      .output()
    return received(stdout)
  }
  return { measure }
}

async function dockerSide(workspace: Workspace): Promise<Side | undefined> {
  const daemon = await dockerDaemon(workspace, 'bridge')
  if (!daemon) return undefined
  const docker = async (...args: readonly string[]) =>
    (await execute('docker', ['--host', `unix://${daemon.socket}`, ...args])).stdout.trim()
  await docker('load', '--quiet', '--input', imageArchive(image))
  const id = await docker('run', '--detach', '--publish', `${port}:${port}`, image, ...server)
  workspace.defer(() => docker('rm', '--force', id))
  const addresses = await docker(
    'inspect',
    '--format',
    '{{.NetworkSettings.IPAddress}} {{.NetworkSettings.Gateway}}',
    id,
  )
  const [address = '', gateway = ''] = addresses.split(' ')
  const targets = targetsOf(address, gateway)
  const measure = async (route: Route) =>
    received(await docker('run', '--rm', '--network', targets[route].network, image, ...client, targets[route].address))
  return { measure }
}

/** From where to where: the bridge's own address is the host's only one besides loopback. */
function targetsOf(container: string, host: string): Readonly<Record<Route, { network: string; address: string }>> {
  return {
    between: { network: 'bridge', address: container },
    published: { network: 'host', address: host },
    loopback: { network: 'host', address: '127.0.0.1' },
  }
}

function received(report: string): number {
  const { end, error } = JSON.parse(report)
  if (error !== undefined) throw new Error(`iperf3: ${error}`)
  return end.sum_received.bits_per_second
}
