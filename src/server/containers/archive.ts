import { once } from 'node:events'
import type { PathStat } from '../../volume/copy-place.js'
import type { Exchange } from '../exchange.js'
import type { Route } from '../route.js'

/** Files of containers as archives: `docker cp` and `docker export`. */
export const archiveRoutes: readonly Route[] = [
  { method: 'HEAD', path: '/containers/:id/archive', handle: stat },
  { method: 'GET', path: '/containers/:id/archive', handle: get },
  { method: 'PUT', path: '/containers/:id/archive', handle: put },
  { method: 'GET', path: '/containers/:id/export', handle: exportFiles },
]

async function stat(exchange: Exchange): Promise<void> {
  const container = await exchange.engine.containers.get(exchange.parameter('id'))
  const found = await container.stat(exchange.query.required('path'), { signal: exchange.signal })
  exchange.response.setHeader(statHeader, encoded(found))
  exchange.empty(200)
}

async function get(exchange: Exchange): Promise<void> {
  const container = await exchange.engine.containers.get(exchange.parameter('id'))
  const archive = await container.archive(exchange.query.required('path'), { signal: exchange.signal })
  exchange.response.setHeader(statHeader, encoded(archive.stat))
  await exchange.stream(archive, 'application/x-tar')
}

async function put(exchange: Exchange): Promise<void> {
  const { query, signal } = exchange
  const container = await exchange.engine.containers.get(exchange.parameter('id'))
  await container.extract(exchange.input(), query.required('path'), {
    noOverwriteDirNonDir: query.flag('noOverwriteDirNonDir'),
    archive: query.flag('copyUIDGID'),
    toleratesMissingEnd: true,
    signal,
  })
  exchange.empty(200)
}

/** What fails before the first byte is an answer, not a broken stream. */
async function exportFiles(exchange: Exchange): Promise<void> {
  const container = await exchange.engine.containers.get(exchange.parameter('id'))
  const files = container.export({ signal: exchange.signal })
  await once(files, 'readable')
  await exchange.stream(files, 'application/octet-stream')
}

const statHeader = 'X-Docker-Container-Path-Stat'

function encoded({ name, size, mode, mtime, linkTarget }: PathStat): string {
  const document = { name, size, mode: fileMode(mode), mtime: time(mtime), linkTarget }
  return Buffer.from(JSON.stringify(document)).toString('base64')
}

/** The bits that Go has for what stat(2) tells. @see https://pkg.go.dev/io/fs#FileMode */
function fileMode(mode: number): number {
  const kind = kinds.get(mode & 0o170000) ?? 0
  const special = specials.reduce((bits, [bit, goBit]) => (mode & bit ? bits + goBit : bits), 0)
  return kind + special + (mode & 0o777)
}

const kinds: ReadonlyMap<number, number> = new Map([
  [0o040000, 2 ** 31],
  [0o120000, 2 ** 27],
  [0o060000, 2 ** 26],
  [0o010000, 2 ** 25],
  [0o140000, 2 ** 24],
  [0o020000, 2 ** 26 + 2 ** 21],
])

const specials = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
] as const

function time([seconds, nanoseconds]: PathStat['mtime']): string {
  const fraction = String(nanoseconds).padStart(9, '0').replace(/0+$/, '')
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}${fraction && `.${fraction}`}Z`
}
