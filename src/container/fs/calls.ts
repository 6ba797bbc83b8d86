import type { Stats } from 'node:fs'
import type { ContainerContext } from '../context.js'
import { changeMode, changeOwner, makeDirectories, makeLink, removePath, renamePath } from './change.js'
import { checkedBound, checkedId, checkedMode, checkedOwner, withEncoding, writeModeOf } from './checked-options.js'
import { ContainerDirent } from './dirent.js'
import { type Listed, list, pathBelow } from './list.js'
import { bytesOf, pathText, textOf } from './names.js'
import type {
  ContainerPath,
  FileData,
  FileOptions,
  MakeDirectoryOptions,
  ReadDirectoryOptions,
  ReadFileOptions,
  RemoveFileOptions,
  WriteFileOptions,
} from './options.js'
import { defaultMaxBytes, isThere, look, readBytes, readLink } from './read.js'
import { type OfContainer, withFiles } from './session.js'
import { bytesOfData, writeBytes } from './write.js'

// What `container.fs` does, once it is asked for the first time: options are checked, then the files are reached.

type Context = ContainerContext

export async function readFile(
  context: Context,
  of: OfContainer,
  path: ContainerPath,
  given: BufferEncoding | null | undefined | ReadFileOptions,
): Promise<string | Buffer> {
  const { encoding, maxBytes = defaultMaxBytes, signal } = withEncoding<ReadFileOptions>(given)
  const bound = checkedBound(maxBytes, 'maxBytes')
  const text = pathText(path)
  const bytes = await withFiles(context, of, { syscall: 'open', path: text }, signal, (tree, stop) =>
    readBytes(tree, text, bound, stop),
  )
  return encoding ? bytes.toString(encoding) : bytes
}

export async function writeFile(
  context: Context,
  of: OfContainer,
  path: ContainerPath,
  data: FileData,
  given: BufferEncoding | undefined | WriteFileOptions,
  defaultFlag: 'w' | 'a',
): Promise<void> {
  const options = withEncoding<WriteFileOptions>(given)
  const { encoding = 'utf8', mode = 0o644, flag = defaultFlag, signal } = options
  const request = { mode: checkedMode(mode), ...checkedOwner(options), how: writeModeOf(flag) }
  const text = pathText(path)
  const bytes = bytesOfData(data, encoding)
  await withFiles(context, of, { syscall: 'open', path: text }, signal, (tree, stop) =>
    writeBytes(tree, text, bytes, request, stop),
  )
}

export async function readdir(
  context: Context,
  of: OfContainer,
  path: ContainerPath,
  { withFileTypes = false, recursive = false, encoding, maxEntries = 1_000_000, signal }: ReadDirectoryOptions,
): Promise<string[] | Buffer[] | ContainerDirent<string>[] | ContainerDirent<Buffer>[]> {
  const how = { isRecursive: recursive, maxEntries: checkedBound(maxEntries, 'maxEntries') }
  const text = pathText(path)
  const all = await withFiles(context, of, { syscall: 'scandir', path: text }, signal, (tree, stop) =>
    list(tree, text, how, stop),
  )
  if (!withFileTypes) {
    const names = all.map(({ parent, name }) => pathBelow(parent, name))
    return encoding === 'buffer' ? names.map(bytesOf) : names
  }
  const top = text.replace(/(?<=.)\/+$/, '')
  const parentOf = ({ parent }: Listed) => (parent === '' ? top : `${top === '/' ? '' : top}/${parent}`)
  if (encoding === 'buffer') return all.map((one) => new ContainerDirent(bytesOf(one.name), parentOf(one), one.kind))
  return all.map((one) => new ContainerDirent(one.name, parentOf(one), one.kind))
}

export async function stat(
  context: Context,
  of: OfContainer,
  path: ContainerPath,
  { signal }: FileOptions,
  syscall: 'stat' | 'lstat',
): Promise<Stats> {
  const text = pathText(path)
  return withFiles(context, of, { syscall, path: text }, signal, (tree) => look(tree, text, syscall === 'stat'))
}

export async function exists(
  context: Context,
  of: OfContainer,
  path: ContainerPath,
  { signal }: FileOptions,
): Promise<boolean> {
  const text = pathText(path)
  return withFiles(context, of, { syscall: 'access', path: text }, signal, (tree) => isThere(tree, text))
}

export async function readlink(
  context: Context,
  of: OfContainer,
  path: ContainerPath,
  { signal }: FileOptions,
): Promise<string> {
  const text = pathText(path)
  return withFiles(context, of, { syscall: 'readlink', path: text }, signal, async (tree) =>
    textOf(await readLink(tree, text)),
  )
}

export async function mkdir(
  context: Context,
  of: OfContainer,
  path: ContainerPath,
  { recursive = false, mode = 0o755, signal, ...owner }: MakeDirectoryOptions,
): Promise<string | undefined> {
  const request = { mode: checkedMode(mode), isRecursive: recursive, ...checkedOwner(owner) }
  const text = pathText(path)
  return withFiles(context, of, { syscall: 'mkdir', path: text }, signal, (tree) =>
    makeDirectories(tree, text, request),
  )
}

export async function rm(
  context: Context,
  of: OfContainer,
  path: ContainerPath,
  { recursive = false, force = false, signal }: RemoveFileOptions,
): Promise<void> {
  const text = pathText(path)
  await withFiles(context, of, { syscall: 'rm', path: text }, signal, (tree, stop) =>
    removePath(tree, text, { isRecursive: recursive, isForced: force }, stop),
  )
}

export async function rename(
  context: Context,
  of: OfContainer,
  from: ContainerPath,
  to: ContainerPath,
  { signal }: FileOptions,
): Promise<void> {
  const [path, dest] = [pathText(from), pathText(to)]
  await withFiles(context, of, { syscall: 'rename', path, dest }, signal, (tree) => renamePath(tree, path, dest))
}

export async function symlink(
  context: Context,
  of: OfContainer,
  to: ContainerPath,
  at: ContainerPath,
  { signal }: FileOptions,
): Promise<void> {
  const [path, dest] = [pathText(to), pathText(at)]
  await withFiles(context, of, { syscall: 'symlink', path, dest }, signal, (tree) => makeLink(tree, path, dest))
}

export async function chmod(
  context: Context,
  of: OfContainer,
  path: ContainerPath,
  mode: number,
  { signal }: FileOptions,
): Promise<void> {
  const text = pathText(path)
  const checked = checkedMode(mode)
  await withFiles(context, of, { syscall: 'chmod', path: text }, signal, (tree) => changeMode(tree, text, checked))
}

export async function chown(
  context: Context,
  of: OfContainer,
  path: ContainerPath,
  uid: number,
  gid: number,
  { signal }: FileOptions,
): Promise<void> {
  const text = pathText(path)
  const [user, group] = [checkedId(uid, 'uid'), checkedId(gid, 'gid')]
  await withFiles(context, of, { syscall: 'chown', path: text }, signal, (tree) => changeOwner(tree, text, user, group))
}
