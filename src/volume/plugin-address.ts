import { VolumeError } from '../errors/index.js'
import { quoted } from '../errors/printable.js'

/** Where a plugin is found, and how it is spoken to. */
export interface PluginAddress {
  readonly name: string
  /** The file that told of it: its socket, or a `.spec` or `.json`. */
  readonly source: string
  readonly target: UnixTarget | TcpTarget
}

export interface UnixTarget {
  readonly kind: 'unix'
  readonly path: string
}

export interface TcpTarget {
  readonly kind: 'tcp'
  readonly host: string
  readonly port: number
  /** Absent: plain HTTP. */
  readonly tls?: PluginTls
}

/** `TLSConfig`: PEM files, and whether the plugin's certificate is believed whatever it is. */
export interface PluginTls {
  readonly insecure: boolean
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

/** What the kernel takes as a socket's path. */
const maxSocketPathBytes = 107

export function socketAddress(name: string, source: string, path: string): PluginAddress {
  if (!path.startsWith('/') || path.includes('\0')) throw invalid(source, `${quoted(path)} is not an absolute path`)
  if (Buffer.byteLength(path) > maxSocketPathBytes)
    throw invalid(source, `the path of a socket has at most ${maxSocketPathBytes} bytes`)
  return { name, source, target: { kind: 'unix', path } }
}

/** The address in a `.spec` file: `unix:///path`, `tcp://host:port`, `http://..` or `https://..`. */
export function parseSpec(name: string, source: string, text: string): PluginAddress {
  return parseAddress(name, source, text.trim(), undefined)
}

/** A `.json` file: `{ Name, Addr, TLSConfig: { InsecureSkipVerify, CAFile, CertFile, KeyFile } }`. The file's name counts, not `Name`. */
export function parseDescription(name: string, source: string, text: string): PluginAddress {
  const { Addr, TLSConfig } = objectOf(source, 'the file', parseJson(source, text))
  if (typeof Addr !== 'string') throw invalid(source, 'it has no Addr')
  return parseAddress(name, source, Addr.trim(), TLSConfig == null ? undefined : tlsOf(source, TLSConfig))
}

export function describeTarget({ target }: PluginAddress): string {
  if (target.kind === 'unix') return `unix://${target.path}`
  const host = target.host.includes(':') ? `[${target.host}]` : target.host
  return `${target.tls ? 'https' : 'tcp'}://${host}:${target.port}`
}

const defaultPorts = { tcp: '80', http: '80', https: '443' } as const

function parseAddress(name: string, source: string, address: string, tls: PluginTls | undefined): PluginAddress {
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.+)$/s.exec(address) ?? []
  switch (scheme) {
    case 'unix':
      return socketAddress(name, source, rest)
    case 'tcp':
    case 'http':
    case 'https': {
      const [, host, port = defaultPorts[scheme]] = hostAndPort.exec(rest) ?? []
      if (host === undefined || Number(port) > 65_535) break
      const isSecure = scheme === 'https' || tls?.caFile !== undefined || tls?.certFile !== undefined
      return {
        name,
        source,
        target: {
          kind: 'tcp',
          host: host.replace(/^\[(.*)\]$/, '$1'),
          port: Number(port),
          ...(isSecure && { tls: tls ?? { insecure: false } }),
        },
      }
    }
  }
  // Somebody may have written credentials into it.
  const shown = quoted(address.replace(/\/\/.*@/s, '//...@'))
  throw invalid(source, `${shown} is not an address such as unix:///path or tcp://host:port`)
}

/** A path after them says nothing, as with Docker: methods have their own. */
const hostAndPort = /^(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?(?:[/?#].*)?$/i

function tlsOf(source: string, value: unknown): PluginTls {
  const { InsecureSkipVerify, CAFile, CertFile, KeyFile } = objectOf(source, 'TLSConfig', value)
  if (InsecureSkipVerify != null && typeof InsecureSkipVerify !== 'boolean')
    throw invalid(source, 'TLSConfig.InsecureSkipVerify is not true or false')
  const certFile = fileOf(source, 'CertFile', CertFile)
  const keyFile = fileOf(source, 'KeyFile', KeyFile)
  if ((certFile === undefined) !== (keyFile === undefined))
    throw invalid(source, 'TLSConfig.CertFile and KeyFile come together')
  const caFile = fileOf(source, 'CAFile', CAFile)
  return {
    insecure: InsecureSkipVerify === true,
    ...(caFile !== undefined && { caFile }),
    ...(certFile !== undefined && { certFile }),
    ...(keyFile !== undefined && { keyFile }),
  }
}

function fileOf(source: string, field: string, value: unknown): string | undefined {
  if (value == null || value === '') return undefined
  if (typeof value !== 'string' || !value.startsWith('/'))
    throw invalid(source, `TLSConfig.${field} is not an absolute path`)
  return value
}

function parseJson(source: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid(source, 'it is not JSON')
  }
}

function objectOf(source: string, what: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalid(source, `${what} is not an object`)
}

export function invalid(source: string, why: string): VolumeError {
  return new VolumeError(`the file ${source} does not say where its plugin is: ${why}`, {
    code: 'VOLUME_DRIVER_FAILED',
    details: { path: source },
  })
}
