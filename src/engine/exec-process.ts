import { closeSync, constants, openSync, readSync } from 'node:fs'
import type { ExecRequest } from '../container/context.js'
import { native, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from '../host/index.js'
import { allCapabilities, resolveUser } from '../spec/index.js'
import type { Process } from '../spec/types.js'
import type { ContainerRecord } from '../store/containers.js'
import type { Stages } from './assemble.js'

const largestFile = 1024 * 1024

/** An exec's process: the container's own, with what the request says differently. The user's names are the container's present ones. */
export function execProcess(container: Process, record: ContainerRecord, request: ExecRequest, pid: number, stages: Stages): Process {
  const image = stages.images.resolve(record.image).config
  const user = resolveUser(
    request.user || record.config.user || image.User || '',
    readInside(pid, 'etc/passwd'),
    readInside(pid, 'etc/group'),
    record.config.groupAdd,
  )
  const inherited = container.env.filter((variable) => !/^(HOME|TERM)=/.test(variable) || image.Env?.includes(variable) || record.config.env.includes(variable))
  const env = new Map([...inherited, ...(request.tty ? ['TERM=xterm'] : []), ...request.env].map((variable) => [variable.split('=', 1)[0], variable]))
  if (!env.has('HOME')) env.set('HOME', `HOME=${user.home}`)
  const all = allCapabilities(stages.host.capabilities)
  return {
    ...container,
    terminal: request.tty,
    user: { ...container.user, uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: request.command,
    env: [...env.values()],
    cwd: request.workdir || container.cwd,
    ...(request.privileged && { capabilities: { bounding: all, effective: all, permitted: all, inheritable: [], ambient: [] } }),
  }
}

/** A file of a running container, found below its root whatever links it has made of the path. */
function readInside(pid: number, path: string): string | undefined {
  const root = openSync(`/proc/${pid}/root`, O_PATH | constants.O_DIRECTORY)
  let file: number | undefined
  try {
    file = native().openat2(root, path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    const stat = native().statAt(file, '')
    if (!stat || (stat.mode & constants.S_IFMT) !== constants.S_IFREG) return undefined
    const bytes = Buffer.allocUnsafe(Math.min(stat.size, largestFile))
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, 0))
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  } finally {
    if (file !== undefined) closeSync(file)
    closeSync(root)
  }
}
