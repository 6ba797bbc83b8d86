import { chmod, chown, lstat, mkdir, open, readFile, realpath, rename, rm, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'
import { failpoint } from '../errors/failpoint.js'
import { ConflictError } from '../errors/index.js'
import type { Listener } from './listeners.js'
import { closed, invalid, listening } from './listening.js'
import type { ServeOptions } from './options.js'

/** What a socket's path needs of the engine. */
export interface Surroundings {
  /** The engine's: its files are for root alone, and it is where the usual socket is. */
  readonly runRoot: string
  /** Runs `body` while nobody else, in whatever process, does so with the same file, which is made, and may be removed. */
  exclusively<Result>(path: string, body: () => Promise<Result>, signal?: AbortSignal): Promise<Result>
}

// sockaddr_un has 108 bytes, of which one is for a NUL. @see unix(7)
const longestPath = 107

/** Listens at a path. Of those who want the same one, one gets it; the others hear that somebody serves there. */
export async function listenAtPath(
  socket: string,
  options: Pick<ServeOptions, 'group' | 'mode' | 'signal'>,
  server: Server,
  surroundings: Surroundings,
): Promise<Listener> {
  const path = checkedPath(socket)
  const mode = checkedMode(options.mode ?? 0o660)
  const gid = await groupId(options.group)
  const place = { path, mode, gid }
  await makeDirectory(place, surroundings)
  const publishing = () => publish(server, place)
  const published = await alone(path, publishing, surroundings, options.signal)
  return {
    address: `unix://${path}`,
    async close() {
      await alone(path, published.withdraw, surroundings).catch(() => {})
      await closed(server)
      await published.end()
    },
  }
}

/** While nobody else publishes or withdraws a socket at the path. */
function alone<Result>(
  path: string,
  body: () => Promise<Result>,
  surroundings: Surroundings,
  signal?: AbortSignal,
): Promise<Result> {
  const lock = beside(path, 'lock')
  const removing = async () => {
    try {
      return await body()
    } finally {
      await rm(lock, { force: true })
    }
  }
  return surroundings.exclusively(lock, removing, signal)
}

const beside = (path: string, what: string) => join(dirname(path), `.${basename(path)}.${what}`)

interface Place {
  readonly path: string
  readonly mode: number
  readonly gid: number | undefined
}

interface Published {
  /** Removes the socket, if it is still ours. */
  withdraw(): Promise<void>
  end(): Promise<void>
}

/**
 * Nobody but root can come near the socket before it is only theirs who may open it: it is bound in a directory of its own. By
 * a descriptor of that: its path may be too long for an address where the socket's own is not.
 */
async function publish(server: Server, { path, mode, gid }: Place): Promise<Published> {
  await refuseTaken(path)
  const directory = beside(path, 'new')
  // Of somebody who was killed here.
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { mode: 0o700 })
  const handle = await open(directory)
  try {
    failpoint('serve.directory')
    await listening(server, { path: `/proc/self/fd/${handle.fd}/s`, exclusive: true })
    const aside = join(directory, 's')
    if (gid !== undefined) await chown(aside, -1, gid)
    await chmod(aside, mode)
    const { dev, ino } = await lstat(aside)
    failpoint('serve.bound')
    await rename(aside, path)
    return {
      async withdraw() {
        const there = await lstat(path)
        if (there.dev === dev && there.ino === ino) await unlink(path)
      },
      // Open until the server has closed: Node unlinks by the descriptor's number, which must be nobody else's by then.
      end: () => handle.close(),
    }
  } catch (error) {
    if (server.listening) await closed(server)
    await handle.close()
    throw error
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** @throws {ConflictError} when somebody answers there; {InvalidOptionError} when it is no socket */
async function refuseTaken(path: string): Promise<void> {
  const there = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  if (!there) return
  if (!there.isSocket()) throw invalid('socket', `${path} is there, and no socket: remove it, or choose another path`)
  if (await isServed(path))
    throw new ConflictError(`somebody serves at ${path} already: end that server, or choose another path`, {
      code: 'ADDRESS_IN_USE',
      details: { path },
    })
}

/** Only a refusal says that nobody does: who has too many clients to answer is there. */
function isServed(path: string): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect(path)
    socket.once('connect', () => answer(true))
    socket.once('error', ({ code }: NodeJS.ErrnoException) => answer(code !== 'ECONNREFUSED' && code !== 'ENOENT'))
    socket.once('connect', () => socket.destroy())
  })
}

function checkedPath(socket: string): string {
  if (typeof socket !== 'string' || socket === '' || socket.includes('\0'))
    throw invalid('socket', 'socket must be the path of a file')
  const path = resolve(socket)
  const length = Buffer.byteLength(path)
  if (length <= longestPath) return path
  throw invalid(
    'socket',
    `the path of a socket has at most ${longestPath} bytes, and this one has ${length}: ${path}: use a shorter one, such as one below /run`,
  )
}

function checkedMode(mode: number): number {
  if (Number.isInteger(mode) && mode >= 0 && mode <= 0o777) return mode
  throw invalid('mode', `mode must be the permissions of a file, 0 to 0o777, and is ${mode}`)
}

/** What is missing of its directory, such that those who may use the socket come to it, whatever this process's umask is. */
async function makeDirectory({ path, mode, gid }: Place, { runRoot }: Surroundings): Promise<void> {
  const directory = dirname(path)
  const first = await mkdir(directory, { recursive: true, mode: 0o755 })
  if (first !== undefined)
    for (let made = directory; made.length >= first.length; made = dirname(made)) await chmod(made, 0o755)
  if ((await realpath(directory)) !== runRoot) return
  // They come through it, by names that they know, and list nothing.
  if (gid !== undefined) await chown(directory, -1, gid)
  await chmod(directory, mode & 0o007 ? 0o711 : mode & 0o070 ? 0o710 : 0o700)
}

const usualGroup = 'docker'

/** undefined: none is meant, and the usual one is not there. */
async function groupId(group: string | number | undefined): Promise<number | undefined> {
  if (typeof group === 'number') {
    if (Number.isInteger(group) && group >= 0 && group < 0xffffffff) return group
    throw invalid('group', `no such group: ${group}`)
  }
  const name = group ?? usualGroup
  const lines = (await readFile('/etc/group', 'utf8').catch(() => '')).split('\n')
  const gid = lines.find((line) => line.startsWith(`${name}:`))?.split(':')[2]
  if (gid !== undefined) return Number(gid)
  if (group === undefined) return undefined
  if (/^\d{1,9}$/.test(group)) return Number(group)
  throw invalid('group', `no such group: ${group}: make it with groupadd ${group}`)
}
