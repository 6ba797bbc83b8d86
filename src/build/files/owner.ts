import { openSync, readSync } from 'node:fs'
import { BuildError } from '../../errors/index.js'
import { quoted } from '../../errors/printable.js'
import {
  native,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  S_IFMT,
  S_IFREG,
  type Stat,
  withDescriptor,
} from '../../host/index.js'
import type { Owner } from '../../layer/index.js'

/** As moby/sys/user: ids are 32 bits with a sign; what is no such number is a name. */
const maxId = 2 ** 31 - 1
/** More of a hostile image's file than this is not looked at. */
const maxBytes = 4 * 1024 * 1024

/**
 * Whom `--chown`, or USER of a WORKDIR, means: names are looked up in the container's own files. A user without a group has the
 * one of its line in /etc/passwd, a number without one the group of the same number.
 *
 * @param root a descriptor of the container's root
 * @throws {BuildError} DOCKERFILE_INVALID for a name that the container does not know, in Docker's words
 */
export function ownerOf(root: number, text: string): Owner {
  const colon = text.indexOf(':')
  const [user, group] = colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)]
  const { uid, gid } = user === '' ? { uid: 0, gid: 0 } : userOf(root, user)
  return { uid, gid: group === undefined || group === '' ? gid : groupOf(root, group) }
}

function userOf(root: number, user: string): Owner {
  const id = idOf(user)
  if (id !== undefined) return { uid: id, gid: id }
  for (const [name, , uidText = '', gidText = ''] of linesOf(root, '/etc/passwd')) {
    const [uid, gid] = [idOf(uidText), idOf(gidText)]
    if (name === user && uid !== undefined && gid !== undefined) return { uid, gid }
  }
  throw unknown('user', 'uid', user)
}

function groupOf(root: number, group: string): number {
  const id = idOf(group)
  if (id !== undefined) return id
  for (const [name, , gidText = ''] of linesOf(root, '/etc/group')) {
    const gid = idOf(gidText)
    if (name === group && gid !== undefined) return gid
  }
  throw unknown('group', 'gid', group)
}

function idOf(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) <= maxId ? Number(text) : undefined
}

function* linesOf(root: number, path: string): Generator<string[]> {
  for (const line of readText(root, path).split('\n')) {
    const text = line.trim()
    if (text !== '' && !text.startsWith('#')) yield text.split(':', 5)
  }
}

/** A small file of the container, whose symlinks lead nowhere outside; empty when there is none. */
function readText(root: number, path: string): string {
  let place: number
  try {
    place = native().openat2(root, path, O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
  } catch {
    return ''
  }
  return withDescriptor(place, () => {
    const { mode, size } = native().statAt(place, '') as Stat
    // Opening a device, or a fifo, would do something.
    if ((mode & S_IFMT) !== S_IFREG) return ''
    return withDescriptor(openSync(`/proc/self/fd/${place}`, O_RDONLY | O_NONBLOCK), (fd) => {
      const bytes = Buffer.alloc(Math.min(size, maxBytes))
      let length = 0
      for (let read = -1; read !== 0 && length < bytes.length; length += read)
        read = readSync(fd, bytes, length, bytes.length - length, null)
      return bytes.toString('utf8', 0, length)
    })
  })
}

function unknown(kind: 'user' | 'group', id: 'uid' | 'gid', name: string): BuildError {
  const message = `unable to convert uid/gid chown string to host mapping: can't find ${id} for ${kind} ${quoted(name)}: no such ${kind}: ${quoted(name)}`
  return new BuildError(message.replaceAll('"', ''), { code: 'DOCKERFILE_INVALID', details: { [kind]: name } })
}
