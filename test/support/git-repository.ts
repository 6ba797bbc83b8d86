import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'

/** A git repository, served over HTTP on loopback. */
export interface GitRepository extends AsyncDisposable {
  /** Without `.git` at its end, which may be put there. */
  readonly url: string
  readonly directory: string
  /** Writes files and commits them to a branch. @returns the commit */
  commit(files: Readonly<Record<string, string>>, branch?: string): string
  /** `METHOD path` of the requests so far. */
  readonly requests: readonly string[]
}

const settings = ['user.name=x', 'user.email=x@y', 'init.defaultBranch=main', 'commit.gpgSign=false']

/** Makes a repository on a branch `main` with these files, and serves it by git's own program. */
export async function serveRepository(files: Readonly<Record<string, string>>): Promise<GitRepository> {
  const root = mkdtempSync('/tmp/ib-git-')
  const directory = join(root, 'app')
  mkdirSync(directory)
  symlinkSync('app', `${directory}.git`)
  const git = (...args: string[]) =>
    execFileSync('git', [...settings.flatMap((one) => ['-c', one]), ...args], {
      cwd: directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim()
  git('init', '--quiet')
  const commit = (changed: Readonly<Record<string, string>>, branch = 'main') => {
    if (git('branch', '--show-current') !== branch) git('checkout', '--quiet', '-B', branch)
    for (const [name, content] of Object.entries(changed)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true })
      writeFileSync(join(directory, name), content)
    }
    git('add', '--all')
    git('commit', '--quiet', '--allow-empty', '--message', 'x')
    return git('rev-parse', 'HEAD')
  }
  commit(files)
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    void runBackend(root, request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/app`,
    directory,
    commit,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** CGI. @see https://git-scm.com/docs/git-http-backend */
async function runBackend(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, search } = new URL(request.url ?? '/', 'http://x')
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method,
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  child.stdin.on('error', () => {})
  request.pipe(child.stdin)
  const chunks: Buffer[] = []
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer)
  const answer = Buffer.concat(chunks)
  const end = answer.indexOf('\r\n\r\n')
  const headers = answer
    .toString('latin1', 0, end)
    .split('\r\n')
    .map((line) => line.split(': ', 2) as [string, string])
  const { Status: status = '200', ...others } = Object.fromEntries(headers)
  response.writeHead(Number.parseInt(status, 10), others).end(answer.subarray(end + 4))
}
