import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

export interface RegistrySetup {
  /** Asks for a name and a password. */
  readonly login?: { readonly username: string; readonly password: string }
  /** Speaks TLS with a certificate of an authority of its own. */
  readonly tls?: boolean
  /** Below which its directory is made; /tmp by default. */
  readonly parent?: string
}

/** Debian's docker-registry, alone with itself: ended, and everything of it removed, when it is disposed of. */
export interface TestRegistry extends AsyncDisposable {
  /** Its host in references: `127.0.0.1:40123`. */
  readonly host: string
  readonly url: string
  /** PEM of the authority that its certificate is of. */
  readonly ca: string | undefined
  /** Serves the same repositories at the same address to those in the network namespace of a process. */
  serveIn(pid: number): Promise<void>
}

const execute = promisify(execFile)

/** Starts a registry on a free port of loopback. */
export async function startRegistry({
  login,
  tls = false,
  parent = '/tmp',
}: RegistrySetup = {}): Promise<TestRegistry> {
  const directory = await mkdtemp(join(parent, 'ib-registry-'))
  const servers: ChildProcess[] = []
  const dispose = async () => {
    for (const server of servers) await end(server)
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const ca = tls ? await makeCertificate(directory) : undefined
    if (login) await writeFile(join(directory, 'htpasswd'), `${login.username}:${bcrypt(login.password)}\n`)
    const configure = async (host: string) => {
      const path = join(directory, 'config.json')
      await writeFile(path, JSON.stringify(configuration(directory, host, login !== undefined, tls)))
      return path
    }
    const host = await serve(servers, ['docker-registry', 'serve', await configure('127.0.0.1:0')])
    return {
      host,
      url: `${tls ? 'https' : 'http'}://${host}`,
      ca,
      async serveIn(pid) {
        const there = ['nsenter', `--net=/proc/${pid}/ns/net`, 'docker-registry', 'serve', await configure(host)]
        await serve(servers, there)
      },
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** JSON is YAML, too. */
function configuration(directory: string, address: string, isPrivate: boolean, isTls: boolean): object {
  const certificate = { certificate: join(directory, 'server.crt'), key: join(directory, 'server.key') }
  const htpasswd = { realm: 'inboard-test', path: join(directory, 'htpasswd') }
  return {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(directory, 'data'), maxthreads: 100 }, delete: { enabled: true } },
    http: { addr: address, secret: 'of the tests', ...(isTls && { tls: certificate }) },
    ...(isPrivate && { auth: { htpasswd } }),
  }
}

/** Resolves when it listens, which it says with the address. */
async function serve(servers: ChildProcess[], command: readonly string[]): Promise<string> {
  // A test that is killed does not leave it behind.
  const server = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: ['ignore', 'ignore', 'pipe'] })
  servers.push(server)
  const output: string[] = []
  for await (const line of createInterface({ input: server.stderr })) {
    output.push(line)
    const address = /msg="listening on ([^",]+)/.exec(line)?.[1]
    if (address === undefined) continue
    // Read on, or the pipe fills.
    server.stderr.resume()
    return address
  }
  throw new Error(`docker-registry did not start:\n${output.join('\n')}`)
}

async function end(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return
  const ended = once(server, 'exit')
  server.kill('SIGKILL')
  await ended
}

/** An authority, and a certificate of it for loopback; the authority's PEM. */
export async function makeCertificate(directory: string): Promise<string> {
  const openssl = (...args: string[]) => execute('openssl', args, { cwd: directory })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '2',
    '-subj',
    '/CN=inboard test CA',
  )
  await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost')
  await writeFile(join(directory, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
  const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial']
  await openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    ...authority,
    '-days',
    '2',
    '-extfile',
    'names',
    '-out',
    'server.crt',
  )
  return readFile(join(directory, 'ca.crt'), 'utf8')
}

/** The only kind of password that the registry knows; Debian's base has perl, and perl has crypt(3). */
function bcrypt(password: string): string {
  const salt = '$2y$04$OfTheTestsOfInboard...'
  return execFileSync('perl', ['-e', 'print crypt($ARGV[0], $ARGV[1])', password, salt], { encoding: 'utf8' })
}

/** Writes a directory as Docker's `certs.d`, with the authority of a registry in it; its path. */
export async function trustIn(
  directory: string,
  { host, ca = '' }: Pick<TestRegistry, 'host' | 'ca'>,
): Promise<string> {
  await mkdir(join(directory, host), { recursive: true })
  await writeFile(join(directory, host, 'ca.crt'), ca)
  return directory
}
