import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Sqlite from 'better-sqlite3'
import { settled } from './settled.js'

const execute = promisify(execFile)

/** What containers have of networks, found by where it is: to be asked when there are none. Networks themselves may stay. */
export async function networkLeaks(directory: string, rootId: string): Promise<string[]> {
  const { networks, given } = records(join(directory, 'root/db/inboard.sqlite'))
  const found = await Promise.all([
    interfaces('veth'),
    nameFiles(join(directory, 'run/dns'), networks),
    elements(`inboard-${rootId}`),
  ])
  return [...given, ...found.flat()]
}

/** What a root has left in this network namespace once its last engine has closed. */
export function namespaceLeaks(): Promise<string[]> {
  return settled(async () => (await inNamespace()).filter((leak) => leak !== 'interface lo'))
}

/** What a root has left of its own in this network namespace once its last engine has closed, and it has no networks. */
export function rootLeaks(rootId: string): Promise<string[]> {
  const own = [`interface ib-${rootId}`, `table inet inboard-${rootId}`]
  return settled(async () => (await inNamespace()).filter((leak) => own.includes(leak)))
}

async function inNamespace(): Promise<string[]> {
  const { stdout } = await execute('nft', ['list', 'tables'])
  return [...(await interfaces('')), ...stdout.split('\n').filter((line) => line !== '')]
}

/** The ids of networks, and what is given to somebody: addresses and ports. */
function records(path: string): { readonly networks: readonly unknown[]; readonly given: readonly string[] } {
  const database = new Sqlite(path, { readonly: true })
  const column = (query: string) => database.prepare(query).pluck().all()
  try {
    const addresses = column('SELECT active FROM endpoints WHERE active IS NOT NULL').map((one) => `address ${one}`)
    const ports = column("SELECT host_address || ' ' || host_port FROM ports").map((one) => `port ${one}`)
    return { networks: column('SELECT id FROM networks'), given: [...addresses, ...ports] }
  } finally {
    database.close()
  }
}

/** Interfaces of this thread's network namespace: /sys would show those of whoever mounted it. */
async function interfaces(prefix: string): Promise<string[]> {
  const table = await readFile('/proc/thread-self/net/dev', 'utf8')
  const names = [...table.matchAll(/^ *([^ :]+):/gm)].map(([, name = '']) => name)
  return names.filter((name) => name.startsWith(prefix)).map((name) => `interface ${name}`)
}

/** Files of containers, and lines for containers in networks' files. */
async function nameFiles(directory: string, networks: readonly unknown[]): Promise<string[]> {
  const files = (await readdir(directory).catch(() => [])).filter((name) => !name.endsWith('.lock'))
  const found = await Promise.all(
    files.map(async (name) => {
      if (!networks.includes(name)) return [name]
      // It goes with the last of its containers.
      const [_header, ...lines] = (await readFile(join(directory, name), 'utf8').catch(() => '')).split('\n')
      return lines.filter((line) => line !== '')
    }),
  )
  return found.flat().map((what) => `name ${what}`)
}

/** Elements that lead a port of the host, or one of a neighbour, to a container. */
async function elements(table: string): Promise<string[]> {
  const listed = await execute('nft', ['--json', 'list', 'table', 'inet', table]).catch(() => undefined)
  if (!listed) return []
  const { nftables } = JSON.parse(listed.stdout) as {
    nftables: readonly { readonly map?: NftSet; readonly set?: NftSet }[]
  }
  return nftables
    .flatMap(({ map, set }) => map ?? set ?? [])
    .filter(({ name }) => /^(published|wildcard|links)/.test(name))
    .flatMap(({ name, elem = [] }) => elem.map((one) => `element of ${name}: ${JSON.stringify(one)}`))
}

interface NftSet {
  readonly name: string
  readonly elem?: readonly unknown[]
}
