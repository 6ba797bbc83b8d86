import { readFileSync } from 'node:fs'
import type { ServeOptions } from '../index.js'
import type { Given, Option } from './command.js'
import { UsageError } from './usage-error.js'

/** Options of `inboard serve` that say where it serves. */
export const placeOptions: Readonly<Record<string, Option>> = {
  host: {
    type: 'string',
    short: 'H',
    multiple: true,
    value: 'ADDRESS',
    help: 'unix://PATH, tcp://HOST:PORT or fd://; again for more',
  },
  socket: { type: 'string', value: 'PATH', help: 'Unix socket, /run/inboard/docker.sock when nothing is said' },
  'no-socket': { type: 'boolean', help: 'No unix socket' },
  group: {
    type: 'string',
    value: 'GROUP',
    help: "Who may open the socket: root's equals; docker, where there is such a group",
  },
  mode: { type: 'string', value: 'MODE', help: 'Permissions of the socket, 660 when nothing is said' },
  'tcp-host': {
    type: 'string',
    value: 'ADDRESS',
    help: 'Also over TCP: an address of this machine, 127.0.0.1 when only a port is said',
  },
  'tcp-port': { type: 'string', value: 'PORT', help: '2376 with TLS and 2375 without, when only an address is said' },
  'tls-cert': { type: 'string', value: 'FILE', help: "The server's certificate, PEM" },
  'tls-key': { type: 'string', value: 'FILE', help: 'Its key' },
  'tls-ca': { type: 'string', value: 'FILE', help: 'The authority of the certificates that clients must have' },
  insecure: { type: 'boolean', help: 'TCP without TLS, on a loopback address: every user of this machine may be root' },
}

/** One server for each of what is asked for. */
export function waysToServe(given: Given): readonly ServeOptions[] {
  const access = accessOf(given)
  const hosts = given.texts('host')
  if (hosts.length === 0) return [ofOptions(given, access)]
  const beside = ['socket', 'no-socket', 'tcp-host', 'tcp-port'].find((name) => given.has(name))
  if (beside) throw new UsageError(`--host and --${beside} say both where to serve: leave out one of them`)
  return hosts.map((host) => ofHost(host, given, access))
}

function ofOptions(given: Given, access: ServeOptions): ServeOptions {
  const socket = given.flag('no-socket') ? false : given.text('socket')
  if (socket === false && given.has('socket')) throw new UsageError('--socket and --no-socket exclude each other')
  const host = given.text('tcp-host')
  const port = given.integer('tcp-port', 65535)
  const isTcp = given.has('tcp-host', 'tcp-port', 'tls-cert', 'tls-key', 'tls-ca', 'insecure')
  const descriptors = socket === undefined ? passedDescriptors() : []
  return {
    ...access,
    ...(socket !== undefined && { socket }),
    ...(descriptors.length > 0 && { descriptors }),
    ...(isTcp && {
      tcp: { ...(host !== undefined && { host }), ...(port !== undefined && { port }), ...security(given) },
    }),
  }
}

/** An address as `dockerd -H` takes it. */
function ofHost(host: string, given: Given, access: ServeOptions): ServeOptions {
  const [, scheme, rest = ''] = /^(unix|tcp|fd):\/\/(.*)$/s.exec(host) ?? []
  if (scheme === 'unix' && rest) return { ...access, socket: rest }
  if (scheme === 'fd' && !rest) {
    const descriptors = passedDescriptors()
    if (descriptors.length > 0) return { socket: false, descriptors }
    throw new UsageError('--host fd://: systemd has passed no socket to this process')
  }
  const [, address, port] = /^(\[[^\]]+\]|[^:/]*)(?::(\d{1,5}))?\/?$/.exec(rest) ?? []
  if (scheme !== 'tcp' || address === undefined || Number(port ?? 0) > 65535)
    throw new UsageError(`--host ${host}: an address is unix://PATH, tcp://HOST:PORT or fd://`)
  const name = address.replace(/^\[|\]$/g, '')
  return {
    socket: false,
    tcp: { ...(name && { host: name }), ...(port !== undefined && { port: Number(port) }), ...security(given) },
  }
}

function accessOf(given: Given): ServeOptions {
  const group = given.text('group')
  const mode = given.integer('mode', 0o777, 8)
  return { ...(group !== undefined && { group }), ...(mode !== undefined && { mode }) }
}

function security(given: Given): {
  readonly tls?: { cert: string; key: string; ca: string }
  readonly insecure?: true
} {
  const [cert, key, ca] = (['tls-cert', 'tls-key', 'tls-ca'] as const).map((name) => given.text(name))
  if (cert !== undefined && key !== undefined && ca !== undefined)
    return { tls: { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8'), ca: readFileSync(ca, 'utf8') } }
  if (given.has('tls-cert', 'tls-key', 'tls-ca'))
    throw new UsageError('TLS needs all of --tls-cert, --tls-key and --tls-ca: clients are asked for certificates')
  return given.flag('insecure') ? { insecure: true } : {}
}

const firstPassed = 3

/** Sockets of systemd's, when it has passed them to this very process. @see sd_listen_fds(3) */
function passedDescriptors(): readonly number[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count } = process.env
  if (Number(pid) !== process.pid || !/^\d{1,3}$/.test(count ?? '')) return []
  return Array.from({ length: Number(count) }, (_, at) => firstPassed + at)
}
