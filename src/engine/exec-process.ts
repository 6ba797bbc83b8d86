import { closeSync, constants, openSync, readSync } from 'node:fs'
import type { ContainerContext, ExecRequest } from '../container/context.js'
import { native, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from '../host/index.js'
import { parseEnv, parseEnvFiles } from '../spec/environment.js'
import { execProcess, type ResolvedUser, resolveUser } from '../spec/index.js'
import type { Process } from '../spec/types.js'
import type { ContainerRecord } from '../store/containers.js'
import type { Stages } from './assemble.js'
import { linkVariables, runningTargets } from './container-links.js'
import { readEnvFiles } from './env-files.js'

const largestFile = 1024 * 1024
const largestKept = 32 * 1024

/** An exec's process. The user's names are those that the running container has now. */
export function requestedProcess(
  stages: Stages,
  context: ContainerContext,
  record: ContainerRecord,
  request: ExecRequest,
  pid: number,
): Process {
  const image = stages.images.resolve(record.image).config
  const name = request.user || record.config.user || image.User || ''
  const user = userInside(record, pid, name)
  const links = { containers: context.containers, images: stages.images, networking: stages.networking }
  return execProcess({
    id: record.id,
    config: record.config,
    image,
    user,
    host: stages.host,
    linkEnv: linkVariables(links, record, runningTargets(links, record)),
    exec: { ...request, env: variablesOf(request) },
  })
}

function variablesOf({ env, envFiles }: ExecRequest): string[] {
  const files = parseEnvFiles(envFiles, readEnvFiles(envFiles), process.env)
  return [...files, ...parseEnv(env, process.env)]
}

interface LookedUp {
  readonly name: string
  readonly passwd: string | undefined
  readonly group: string | undefined
  readonly user: ResolvedUser
}

/** The last one of each container: as long as its files say the same, so does this. */
const lookedUp = new Map<string, LookedUp>()
const rememberedUsers = 64

function userInside({ id, config }: ContainerRecord, pid: number, name: string): ResolvedUser {
  const [passwd, group] = readInside(pid, ['etc/passwd', 'etc/group'])
  const last = lookedUp.get(id)
  if (last?.name === name && last.passwd === passwd && last.group === group) return last.user
  const user = resolveUser(name, passwd, group, config.groupAdd)
  // They are the container's to write: what is kept of them is little.
  if (lookedUp.size >= rememberedUsers) lookedUp.clear()
  if (`${passwd}${group}`.length <= largestKept) lookedUp.set(id, { name, passwd, group, user })
  return user
}

const nothingThere: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'])

/** Files of a running container, found below its root whatever links it has made of their paths. */
function readInside(pid: number, paths: readonly string[]): (string | undefined)[] {
  const root = openSync(`/proc/${pid}/root`, O_PATH | constants.O_DIRECTORY)
  try {
    return paths.map((path) => readIfThere(root, path))
  } finally {
    closeSync(root)
  }
}

function readIfThere(root: number, path: string): string | undefined {
  try {
    return readBelow(root, path)
  } catch (error) {
    if (nothingThere.has((error as NodeJS.ErrnoException).code)) return undefined
    throw error
  }
}

function readBelow(root: number, path: string): string | undefined {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY
  const file = native().openat2(root, path, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
  try {
    const stat = native().statAt(file, '')
    if (!stat || (stat.mode & constants.S_IFMT) !== constants.S_IFREG) return undefined
    const bytes = Buffer.allocUnsafe(Math.min(stat.size, largestFile))
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, 0))
  } finally {
    closeSync(file)
  }
}
