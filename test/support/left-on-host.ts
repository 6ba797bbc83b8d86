import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/**
 * All that there is of a root that nobody has open, but for its images and records: processes, mounts, cgroups, interfaces,
 * rules, directories. What records say is left aside: they are brought up to that by whoever opens the root.
 */
export function leftOnHost(directory: string): string[] {
  const rootId = readFileSync(join(directory, 'root/id'), 'utf8').trim()
  return [
    ...processesOf(directory),
    ...mountsOf(directory),
    ...cgroupsOf(rootId),
    ...interfacesOf(rootId),
    ...tablesOf(rootId),
    ...entries(join(directory, 'root/containers')),
    ...entries(join(directory, 'root/volumes')).filter((path) => !path.endsWith('/.layers')),
    ...runEntries(join(directory, 'run')),
  ]
}

/** Files of locks stay, and empty directories. */
function runEntries(run: string): string[] {
  return entries(run).flatMap((path) => {
    if (/\/(engines|networks|networks\.lock)$/.test(path)) return []
    if (/\/run\/(dns|volumes|made|owners|builds|snapshots|reuse)$/.test(path))
      return entries(path).filter((one) => !/\.lock$/.test(one))
    return [`${path}: ${entries(path).map((one) => one.slice(path.length + 1))}`]
  })
}

/** Supervisors and keepers by what they have open, programs by what is mounted for them. */
export function processesOf(directory: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((pid) => {
    const isProgram =
      pid !== String(process.pid) && isElsewhere(pid) && textOf(`/proc/${pid}/mountinfo`).includes(`${directory}/`)
    const isOurs = linkOf(`/proc/${pid}/exe`).startsWith('/memfd:inboard-supervisor')
    const isSupervisor = isOurs && linksIn(`/proc/${pid}/fd`).some((path) => path.startsWith(`${directory}/`))
    return isProgram || isSupervisor ? [`process ${pid} ${textOf(`/proc/${pid}/comm`).trim()}`] : []
  })
}

const isElsewhere = (pid: string) => linkOf(`/proc/${pid}/ns/mnt`) !== linkOf('/proc/self/ns/mnt')

const mountsOf = (directory: string) =>
  textOf('/proc/self/mountinfo')
    .split('\n')
    .filter((line) => line.includes(` ${directory}/`))
    .map((line) => `mount ${line}`)

function cgroupsOf(rootId: string): string[] {
  const hierarchies = ['', ...readdirSync('/sys/fs/cgroup')].map((name) => join('/sys/fs/cgroup', name))
  return hierarchies
    .flatMap((path) => [`${path}/inboard-${rootId}`, `${path}/inboard-${rootId}-custom`])
    .filter((path) => existsSync(path))
    .map((path) => `cgroup ${path}`)
}

/** Of this network namespace. */
function interfacesOf(rootId: string): string[] {
  const listed = execFileSync('ip', ['-d', '-o', 'link']).toString().split('\n')
  const group = ` group ${Number.parseInt(rootId, 16)} `
  return listed
    .filter((line) => line.includes(group) || /^\d+: veth/.test(line))
    .map((line) => `interface ${line.slice(0, 40)}`)
}

const tablesOf = (rootId: string) =>
  execFileSync('nft', ['list', 'tables'])
    .toString()
    .split('\n')
    .filter((line) => line.includes(`inboard-${rootId}`))

const entries = (path: string) => (existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [])

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function linksIn(path: string): string[] {
  try {
    return readdirSync(path).map((name) => linkOf(join(path, name)))
  } catch {
    return []
  }
}
