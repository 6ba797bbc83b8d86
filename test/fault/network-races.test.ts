import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { imageArchive } from '../support/images.js'
import { settled } from '../support/settled.js'
import { removeAll, violations } from './support/invariants.js'
import { churnedNetworks } from './support/network-churn.js'
import { newPlace } from './support/place.js'
import { startProgram } from './support/program.js'
import { Random, seed } from './support/random.js'
import type { Roots } from './support/scenario.js'

const run = promisify(execFile)
const processes = 4
const operations = 50

test('four processes that create, connect, disconnect, kill and remove at once leak nothing of the host’s network', async () => {
  const chosen = seed()
  const random = new Random(chosen)
  using place = newPlace()
  const engine = await Engine.open(place.roots)
  await engine.images.load(imageArchive('busybox'))
  for (const name of churnedNetworks) await engine.networks.create(name)
  const seeds = Array.from({ length: processes }, () => random.below(2 ** 31))
  const turns = (await Promise.all(seeds.map((one) => churned(place.roots, one)))).flat()
  const unexpected = turns.flatMap((turn) => turn.unexpected ?? [])
  let seen: Awaited<ReturnType<typeof observed>> | undefined
  const wrong = await settled(async () => {
    seen = await observed(engine, place.roots)
    return differences(seen)
  })
  await removeAll(engine)
  await engine.networks.prune()
  await engine.close()
  const left = await settled(async () => [...(await leftOnHost()), ...filesOfNames(place.roots)])
  const verbs = turns.filter(({ verb }) => verb !== undefined).length
  console.log(
    `seed ${chosen}: ${verbs} operations, ${seen?.veths} interfaces and ${seen?.held} held sockets at their end, ${wrong.length} differences, ${left.length} leaks`,
  )
  expect(unexpected).toEqual([])
  expect(wrong).toEqual([])
  expect(left).toEqual([])
  expect(await violations(place.roots)).toEqual([])
})

interface Turn {
  readonly at: number
  readonly verb?: string
  readonly unexpected?: string
}

/** All operations of one process; when it has killed itself, another one goes on with the next. */
async function churned(roots: Roots, one: number): Promise<Turn[]> {
  const said: Turn[] = []
  for (let from = 0; from < operations; from = (said.at(-1)?.at ?? from) + 1) {
    const program = await startProgram('networkChurn', { roots, seed: one, from, count: operations })
    const { code, signal, stderr } = await program.ended
    said.push(...(program.said as Turn[]))
    if (code === 0) return said
    if (signal !== 'SIGKILL') throw new Error(`a process ended with ${signal ?? code}: ${stderr}`)
  }
  return said
}

/** What the engine says that there is, and what there is. */
async function observed(engine: Engine, roots: Roots) {
  const networks = await Promise.all(['bridge', ...churnedNetworks].map((name) => engine.networks.get(name)))
  const inspected = await Promise.all(networks.map((network) => network.inspect()))
  const addresses = inspected.map(({ Containers }) => Object.values(Containers).map(({ IPv4Address }) => IPv4Address))
  const running = (await engine.containers.list()).map(({ id }) => id)
  const ports = (await Promise.all(running.map((id) => portsOf(engine, id)))).flat()
  const connected = running.filter((id) => inspected.some(({ Containers }) => id in Containers))
  const routed = (await Promise.all(connected.map((id) => portsOf(engine, id)))).flat()
  const records = inspected.slice(1).map(({ Id }) => recordsOf(roots, Id))
  return {
    addresses,
    ports,
    routed,
    records,
    veths: await count('ip', '-o', 'link', 'show', 'type', 'veth'),
    held: await count('ss', '-Hlntu'),
    rules: await elements(),
  }
}

async function portsOf(engine: Engine, id: string) {
  const bindings = await (await engine.containers.get(id)).ports()
  return Object.values(bindings)
    .flat()
    .filter((binding) => binding !== undefined)
}

function differences({
  addresses,
  ports,
  routed,
  records,
  veths,
  held,
  rules,
}: Awaited<ReturnType<typeof observed>>): string[] {
  const endpoints = addresses.flat()
  const ipv4 = routed.filter(({ hostAddress }) => !hostAddress.includes(':'))
  const compared = [
    ['interfaces', endpoints.length, veths],
    ['different addresses', endpoints.length, new Set(endpoints).size],
    ['held sockets', ports.length, held],
    ['rules of ports', ipv4.length, rules],
    ...addresses.slice(1).map((of, at) => [`names on ${churnedNetworks[at]}`, of.length, records[at]] as const),
  ] as const
  return compared
    .filter(([, said, there]) => said !== there)
    .map(([what, said, there]) => `${what}: ${there}, not ${said}`)
}

async function count(program: string, ...args: string[]): Promise<number> {
  const { stdout } = await run(program, args)
  return stdout.split('\n').filter((line) => line !== '').length
}

/** Elements of the maps that lead ports to containers. */
async function elements(): Promise<number> {
  const { stdout } = await run('nft', ['-j', 'list', 'ruleset'])
  const { nftables } = JSON.parse(stdout) as { nftables: { map?: { name: string; elem?: unknown[] } }[] }
  return nftables
    .flatMap(({ map }) => (map && /^(wildcard|published)/.test(map.name) ? [map.elem?.length ?? 0] : []))
    .reduce((sum, length) => sum + length, 0)
}

/** Lines below the header. */
function recordsOf({ runRoot }: Roots, network: string): number {
  try {
    return readFileSync(`${runRoot}/dns/${network}`, 'utf8').trim().split('\n').length - 1
  } catch {
    return 0
  }
}

const filesOfNames = ({ runRoot }: Roots) => readdirSync(`${runRoot}/dns`).map((name) => `file ${name}`)

async function leftOnHost(): Promise<string[]> {
  const links = (await run('ip', ['-o', 'link'])).stdout
    .split('\n')
    .filter((line) => line !== '' && !/^\d+: lo:/.test(line))
  const tables = (await run('nft', ['list', 'tables'])).stdout.split('\n').filter((line) => line !== '')
  const sockets = (await run('ss', ['-Hlntu'])).stdout.split('\n').filter((line) => line !== '')
  return [...links, ...tables, ...sockets]
}
