import { invalidOption } from './invalid.js'
import { checkTarget } from './mount-target.js'
import type { ConfiguredTmpfs, RunOptions } from './options.js'

/** What mount flags a tmpfs may have: words with the same value exclude each other. */
const flags: Readonly<Record<string, string>> = {
  ro: 'write',
  rw: 'write',
  suid: 'suid',
  nosuid: 'suid',
  dev: 'dev',
  nodev: 'dev',
  exec: 'exec',
  noexec: 'exec',
  sync: 'sync',
  async: 'sync',
  dirsync: 'dirsync',
  atime: 'atime',
  noatime: 'atime',
  diratime: 'diratime',
  nodiratime: 'diratime',
  relatime: 'relatime',
  norelatime: 'relatime',
  strictatime: 'strictatime',
  nostrictatime: 'strictatime',
  private: 'propagation',
  rprivate: 'propagation',
  shared: 'propagation',
  rshared: 'propagation',
  slave: 'propagation',
  rslave: 'propagation',
}

/** The default, by another name: said, and then nothing to do. */
const silent = new Set(['atime', 'diratime', 'norelatime', 'nostrictatime'])

/** The filesystem's own options, and what the kernel takes as their values. @see tmpfs(5) */
const values: Readonly<Record<string, RegExp>> = {
  size: /^\d+[kmgtpe%]?$/i,
  nr_blocks: /^\d+[kmgtpe]?$/i,
  nr_inodes: /^\d+[kmgtpe]?$/i,
  mode: /^[0-7]{1,4}$/,
  uid: /^\d{1,10}$/,
  gid: /^\d{1,10}$/,
  mpol: /^(?:default|local|(?:prefer|bind|interleave)(?:=(?:static|relative))?(?::\d+(?:-\d+)?)*)$/,
}

const hint = "use mount flags such as 'exec' or 'ro', and size=, mode=, uid=, gid=, nr_inodes=, nr_blocks=, mpol="

/**
 * `--tmpfs`: `/target` or `/target:options`.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseTmpfs(input: NonNullable<RunOptions['tmpfs']>[number]): ConfiguredTmpfs {
  const { target, options: given = '' } = typeof input === 'string' ? split(input) : input
  const options = tmpfsOptions(given)
  return {
    type: 'tmpfs',
    syntax: 'tmpfs',
    target: checkTarget('tmpfs', target),
    readOnly: options.includes('ro'),
    options,
    given,
  }
}

function split(text: string): { target: string; options: string } {
  const colon = text.indexOf(':')
  return colon < 0 ? { target: text, options: '' } : { target: text.slice(0, colon), options: text.slice(colon + 1) }
}

/** Docker's defaults with the given options over them: of two that exclude each other, the last one stays. */
export function tmpfsOptions(text: string): string[] {
  const given = text === '' ? [] : text.split(',').filter((option) => option !== 'defaults')
  const merged: string[] = []
  const seen = new Set<string>()
  for (const option of ['noexec', 'nosuid', 'nodev', 'rprivate', ...given].reverse()) {
    const key = keyOf(option)
    if (!seen.has(key)) merged.unshift(option)
    seen.add(key)
  }
  return merged.filter((option) => !silent.has(option))
}

function keyOf(option: string): string {
  const flag = Object.hasOwn(flags, option) ? flags[option] : undefined
  if (flag) return flag
  const [name = '', ...rest] = option.split('=')
  const pattern = Object.hasOwn(values, name) ? values[name] : undefined
  if (!pattern?.test(rest.join('='))) {
    const words = [name, ...(rest.length > 0 ? [rest.join('=')] : [])].map((word) => JSON.stringify(word))
    throw invalidOption('tmpfs', `invalid tmpfs option [${words.join(' ')}]`, hint, option)
  }
  return `${name}=`
}
