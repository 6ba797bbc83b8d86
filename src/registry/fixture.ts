import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsOptions } from 'node:tls'
import { afterAll, onTestFinished } from 'vitest'
import { type Credentials, openCredentials } from './auth/credentials.js'
import { readWhole } from './bounded.js'
import { openTransport, type RegistryTransport, type TransportTuning } from './open-transport.js'
import type { RegistryRequest, RegistryResponse } from './transport.js'
import type { RegistriesOptions } from './types.js'

/** For tests: a server on loopback that remembers what it was asked. */
export interface TestServer {
  readonly port: number
  /** `127.0.0.1:<port>` */
  readonly host: string
  readonly asked: readonly Asked[]
  /** Sockets that are open now. */
  readonly sockets: ReadonlySet<unknown>
}

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export type Handler = (request: Asked, response: ServerResponse, count: number) => void

/** Serves until the test ends. The handler gets the request with its body read, and which one it is. */
export async function serve(handler: Handler, tls?: TlsOptions): Promise<TestServer> {
  const asked: Asked[] = []
  const listener: RequestListener = async (request, response) => {
    const body = await readWhole(request, 1 << 24).catch(() => Buffer.alloc(0))
    const { method = '', url = '', headers } = request
    asked.push({ method, url, headers, body: body.toString() })
    handler(asked.at(-1) as Asked, response, asked.length)
  }
  const server = tls ? createSecureServer(tls, listener) : createServer(listener)
  return { asked, ...(await listen(server)) }
}

/** Listens on a free port of loopback until the test ends. */
export async function listen(server: Server): Promise<Omit<TestServer, 'asked'>> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  return { port, host: `127.0.0.1:${port}`, sockets }
}

export function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'inboard-registry-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A transport with short waits, no credentials but those given, and no proxies. */
export function transport(
  options: RegistriesOptions = {},
  tuning: TransportTuning = {},
  credentials?: Credentials,
): RegistryTransport {
  const own = { dockerConfigDirectory: directory(), certificatesDirectory: '/nonexistent', ...options }
  const quick = { firstDelayMs: 1, env: {}, ...tuning }
  const opened = openTransport(own, credentials ?? openCredentials(own, {}), quick)
  onTestFinished(() => opened.close())
  return opened
}

/** A Docker config directory with this `config.json`. */
export function configDirectory(config: unknown): string {
  const path = directory()
  writeFileSync(join(path, 'config.json'), JSON.stringify(config))
  return path
}

export function get(registry: string, path = '/v2/', more: Partial<RegistryRequest> = {}): RegistryRequest {
  return { registry, method: 'GET', path, scopes: [], ...more }
}

export async function textOfBody({ body }: RegistryResponse): Promise<string> {
  return (await readWhole(body, 1 << 24)).toString()
}

export interface TestCertificate {
  readonly cert: string
  readonly key: string
}

/** An authority, and certificates of its own. */
export interface TestAuthority {
  readonly ca: string
  issue(names: string, more?: { readonly from?: string; readonly until?: string }): TestCertificate
}

/** Made by openssl, for all tests of a file. */
export function makeAuthority(): TestAuthority {
  const at = mkdtempSync(join(tmpdir(), 'inboard-registry-'))
  afterAll(() => rmSync(at, { recursive: true, force: true }))
  const openssl = (...parameters: string[]) => execFileSync('openssl', parameters, { cwd: at, stdio: 'ignore' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test authority', '-days', '2')
  writeFileSync(join(at, 'index.txt'), '')
  const config =
    '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\npolicy=p\n[p]\ncommonName=supplied\n'
  writeFileSync(join(at, 'ca.cnf'), config)
  const read = (name: string) => readFileSync(join(at, name), 'utf8')
  let issued = 0
  return {
    ca: read('ca.crt'),
    issue(names, { from = '20200101000000Z', until = '20991231235959Z' } = {}) {
      const name = `leaf${issued++}`
      openssl('req', '-new', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
      writeFileSync(join(at, `${name}.ext`), `subjectAltName=${names}\n`)
      const validity = ['-startdate', from, '-enddate', until, '-extfile', `${name}.ext`]
      const signer = ['-config', 'ca.cnf', '-cert', 'ca.crt', '-keyfile', 'ca.key', '-md', 'sha256']
      openssl('ca', '-batch', '-notext', ...signer, ...validity, '-in', `${name}.csr`, '-out', `${name}.crt`)
      return { cert: read(`${name}.crt`), key: read(`${name}.key`) }
    },
  }
}
