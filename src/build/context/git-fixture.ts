import { execFileSync, spawn } from 'node:child_process'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryDirectory } from '../../host/fixture.js'
import { makeFiles } from './fixture.js'

export const settings = [
  '-c',
  'user.name=x',
  '-c',
  'user.email=x@y',
  '-c',
  'protocol.file.allow=always',
  '-c',
  'init.defaultBranch=main',
]
export const git = (directory: string, ...args: string[]) =>
  execFileSync('git', [...settings, ...args], {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim()

/** The commit that has these files as well. */
export function commit(directory: string, files: Record<string, string>): string {
  makeFiles(files, directory)
  git(directory, 'add', '-A')
  git(directory, 'commit', '-q', '-m', 'x')
  return git(directory, 'rev-parse', 'HEAD')
}

/** A git daemon in the network of this test. */
async function serve(root: string): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  const args = [
    'daemon',
    '--reuseaddr',
    '--export-all',
    '--verbose',
    '--listen=127.0.0.1',
    `--port=${port}`,
    `--base-path=${root}`,
  ]
  const daemon = spawn('git', args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  onTestFinished(() => void process.kill(-(daemon.pid as number), 'SIGKILL'))
  await new Promise<void>((resolve) => daemon.stderr.on('data', (text) => `${text}`.includes('Ready') && resolve()))
  return `git://127.0.0.1:${port}`
}

/** A repository that a daemon serves. */
export async function repository() {
  const root = temporaryDirectory('/dev/shm')
  const directory = join(root, 'x.git')
  execFileSync('git', [...settings, 'init', '-q', directory])
  const first = commit(directory, {
    Dockerfile: 'FROM a',
    'sub/f': '1',
    out: '-> /etc',
    '.dockerignore': 'ignored',
    ignored: '',
  })
  git(directory, 'tag', 'v1')
  git(directory, 'checkout', '-q', '-b', 'other')
  const other = commit(directory, { 'sub/g': '2' })
  git(directory, 'checkout', '-q', 'main')
  return { root, directory, first, other, url: `${await serve(root)}/x.git` }
}
