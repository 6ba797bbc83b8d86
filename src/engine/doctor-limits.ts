import type { Rlimit } from '../host/index.js'
import { fine, type HostCheck, warning } from './doctor-check.js'
import type { KernelSettings } from './doctor-settings.js'

const wanted = { max_user_instances: 128, max_user_watches: 8192 } as const

/** All containers share what one user may have. */
export function judgeInotify({ read }: KernelSettings): HostCheck {
  const found = Object.entries(wanted).map(([name, least]) => {
    const value = Number(read(`/proc/sys/fs/inotify/${name}`) ?? 0)
    return { name, value, isEnough: value >= least }
  })
  const finding = found.map(({ name, value }) => `${name} ${value}`).join(', ')
  if (found.every(({ isEnough }) => isEnough)) return fine('inotify', finding)
  return warning(
    'inotify',
    finding,
    'all containers share these: programs that watch files fail when there are many',
    'sysctl -w fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288',
  )
}

const leastOpenFiles = 4096

export function judgeOpenFiles({ soft, hard }: Rlimit = { soft: 0, hard: 0 }): HostCheck {
  const finding = `${soft} at once, ${hard} at most`
  if (hard >= leastOpenFiles) return fine('open-files', finding)
  return warning(
    'open-files',
    finding,
    'each running container, follower and client takes descriptors of this process, and its limit is theirs too',
    'ulimit -Hn 1048576 (or LimitNOFILE=1048576 of the service)',
  )
}
