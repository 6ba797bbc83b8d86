import { InvalidOptionError, NotFoundError } from '../errors/index.js'

/** Who a container's process is, as the kernel takes it. */
export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  /** The primary group first, then the user's other groups, then those asked for. */
  readonly additionalGids: readonly number[]
  readonly home: string
}

const idLimit = 2 ** 31 - 1

/** More of a hostile image's file than this is not looked at. */
const fileLimit = 4 * 1024 * 1024
const groupLimit = 65_536

/**
 * Resolves `--user` (`name`, `uid`, `name:group`, `uid:gid` ...) in an image's own files, by Docker's rules: a number is never
 * looked up as a name; a user without an entry has group 0; a given group leaves out the user's other groups.
 *
 * @param user '' is root
 * @param passwd contents of the image's /etc/passwd, undefined when it has none
 * @param group contents of the image's /etc/group
 * @param groupAdd further groups, by name or number
 * @throws {NotFoundError} USER_NOT_FOUND for a name without an entry
 * @throws {InvalidOptionError} INVALID_OPTION for an id that is out of range
 * @example resolveUser('1000', undefined, undefined, []) // { uid: 1000, gid: 0, additionalGids: [0], home: '/' }
 */
export function resolveUser(
  user: string,
  passwd: string | undefined,
  group: string | undefined,
  groupAdd: readonly string[],
): ResolvedUser {
  const [userPart = '', groupPart = ''] = user.split(':')
  const entry = findUser(userPart, passwd)
  const uid = entry?.uid ?? checkId(userId(userPart))
  const groups = parseGroups(group)
  const gid = groupPart === '' ? (entry?.gid ?? 0) : groupId(groupPart, groups)
  const own = groupPart === '' && entry ? groups.filter(({ members }) => members.includes(entry.name)) : []
  return {
    uid,
    gid,
    additionalGids: [gid, ...own.map((one) => one.gid), ...addedGroups(groupAdd, groups)],
    home: entry?.home || '/',
  }
}

interface User {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

interface Group {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

function findUser(part: string, passwd: string | undefined): User | undefined {
  const uid = part === '' ? 0 : parseId(part)
  for (const [name = '', , uidText = '', gidText = '', , home = ''] of entries(passwd)) {
    const entryUid = parseEntryId(uidText)
    const entryGid = parseEntryId(gidText)
    if (entryUid === undefined || entryGid === undefined) continue
    if (uid === undefined ? name === part : entryUid === uid) return { name, uid: entryUid, gid: entryGid, home }
  }
  return undefined
}

function parseGroups(file: string | undefined): Group[] {
  const groups: Group[] = []
  for (const [name = '', , gidText = '', members = ''] of entries(file)) {
    const gid = parseEntryId(gidText)
    if (gid !== undefined) groups.push({ name, gid, members: members === '' ? [] : members.split(',') })
    if (groups.length === groupLimit) break
  }
  return groups
}

function* entries(file: string | undefined): Generator<string[]> {
  for (const line of (file ?? '').slice(0, fileLimit).split('\n')) {
    const text = line.trim()
    // A NUL would end the line for every other reader of the file.
    if (text !== '' && !text.startsWith('#') && !text.includes('\0')) yield text.split(':', 8)
  }
}

/** A decimal id, or undefined for what is a name; beyond 64 bits it is a name too, which no file has. */
function parseId(text: string): number | undefined {
  return /^[+-]?\d{1,18}$/.test(text) ? Number(text) : undefined
}

/** A line with an id that cannot be is no line. */
function parseEntryId(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) <= idLimit ? Number(text) : undefined
}

function userId(part: string): number {
  const id = part === '' ? 0 : parseId(part)
  if (id === undefined) throw unknown('user', part, 'passwd', `unable to find user ${part}`)
  return id
}

function groupId(part: string, groups: readonly Group[]): number {
  const id = parseId(part)
  if (id !== undefined) return checkId(id)
  const found = groups.find(({ name }) => name === part)
  if (!found) throw unknown('group', part, 'group', `unable to find group ${part}`)
  return found.gid
}

function addedGroups(names: readonly string[], groups: readonly Group[]): number[] {
  const gids = names.map((name) => {
    const found = groups.find((group) => group.name === name || String(group.gid) === name)
    const gid = found?.gid ?? parseId(name)
    if (gid === undefined) throw unknown('group', name, 'group', `Unable to find group ${name}`)
    return checkId(gid)
  })
  return [...new Set(gids)]
}

function checkId(id: number): number {
  if (id >= 0 && id <= idLimit) return id
  throw new InvalidOptionError(`uids and gids must be in range 0-${idLimit}: use a smaller number than ${id}`, {
    code: 'INVALID_OPTION',
    details: { option: 'user', value: id },
  })
}

function unknown(kind: 'user' | 'group', name: string, file: 'passwd' | 'group', text: string): NotFoundError {
  return new NotFoundError(
    `${text}: no matching entries in ${file} file: use a number, or add the ${kind} to the image's /etc/${file}`,
    { code: 'USER_NOT_FOUND', details: { [kind]: name } },
  )
}
