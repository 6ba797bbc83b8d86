import { constants, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { withDescriptor } from '../host/index.js'
import { type HostsEntry, updatedHosts } from './hosts-file.js'

/** Beyond this a hosts file has been filled by the container's programs: it is left to them. */
const mostBytes = 1024 * 1024

/**
 * Gives a file that is bound into a running container other content. It stays the same file, as the container has it;
 * one that is gone, since the run is over, stays away.
 */
export function rewriteInPlace(path: string, content: string): void {
  change(path, () => Buffer.from(content))
}

/** Changes entries in the hosts file of a running container; what its programs added stays. */
export function updateHosts(path: string, entries: readonly HostsEntry[]): void {
  // A byte is a character: what programs wrote need not be text.
  const bytewise = entries.map(({ names, addresses }) => ({ names: Buffer.from(names).toString('latin1'), addresses }))
  change(path, (current) => Buffer.from(updatedHosts(current.toString('latin1'), bytewise), 'latin1'))
}

function change(path: string, rewritten: (current: Buffer) => Buffer): void {
  const file = openExisting(path)
  if (file === undefined) return
  withDescriptor(file, () => {
    if (fstatSync(file).size > mostBytes) return
    const current = readFileSync(file)
    const content = rewritten(current)
    if (!content.equals(current)) overwrite(file, content)
  })
}

/** The content first, then the end: who reads meanwhile sees no less than the new content. */
function overwrite(file: number, content: Buffer): void {
  for (let at = 0; at < content.length; ) at += writeSync(file, content, at, content.length - at, at)
  ftruncateSync(file, content.length)
}

function openExisting(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NOFOLLOW)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
