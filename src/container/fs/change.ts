import { chmod, chown, lstat, mkdir, rename, symlink, unlink } from 'node:fs/promises'
import { native } from '../../host/index.js'
import { codeOf, Refusal } from './failures.js'
import { enterName, type FileTree, type Place, pathIn, pathOf, statusOf } from './file-tree.js'
import { bytesOf, splitPath } from './names.js'
import type { FileOwner } from './options.js'

/** inode(7). */
const S_ISGID = 0o2000

const isName = ({ name }: Pick<Place, 'name'>) => !['', '.', '..'].includes(name)

/** Makes one directory. */
async function makeDirectory(tree: FileTree, path: string, mode: number, { uid, gid }: FileOwner): Promise<void> {
  await tree.place(path, async (place) => {
    if (!isName(place)) throw new Refusal('EEXIST', 'file already exists')
    await mkdir(pathIn(place.fd, place.name), 0o700)
    await enterName(place, async (fd) => {
      if (uid !== undefined || gid !== undefined) await chown(pathOf(fd), uid ?? -1, gid ?? -1)
      // mkdir(2) takes off what this process's umask says; it has set what comes from a directory whose group is inherited.
      await chmod(pathOf(fd), mode | ((await statusOf(fd)).mode & S_ISGID))
    })
  })
}

/** @returns the first one of them that was made, as Node's does */
export async function makeDirectories(
  tree: FileTree,
  path: string,
  { mode, isRecursive, ...owner }: FileOwner & { readonly mode: number; readonly isRecursive: boolean },
): Promise<string | undefined> {
  if (!isRecursive) {
    await makeDirectory(tree, path, mode, owner)
    return undefined
  }
  const missing: string[] = []
  for (let at = path; ; at = splitPath(at).directory.replace(/(?<=.)\/+$/, '')) {
    const made = await madeOrThere(tree, at, mode, owner)
    if (made === undefined) missing.push(at)
    else {
      for (const next of missing.reverse()) await madeOrThere(tree, next, mode, owner, true)
      return made ? at : missing[0]
    }
  }
}

/** Whether it was made now; undefined: what it is to be in is missing, which is thrown when it `mustBe` there. */
async function madeOrThere(
  tree: FileTree,
  path: string,
  mode: number,
  owner: FileOwner,
  mustBe = false,
): Promise<boolean | undefined> {
  try {
    await makeDirectory(tree, path, mode, owner)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && !mustBe && splitPath(path).name !== '') return undefined
    if (codeOf(error) !== 'EEXIST' || !(await isDirectory(tree, path))) throw error
    return false
  }
}

const isDirectory = (tree: FileTree, path: string) =>
  tree.find(path, async ({ fd }) => (await statusOf(fd)).isDirectory()).catch(() => false)

export async function removePath(
  tree: FileTree,
  path: string,
  { isRecursive, isForced }: { readonly isRecursive: boolean; readonly isForced: boolean },
  signal: AbortSignal,
): Promise<void> {
  try {
    await tree.place(path, async (place) => {
      if (!isName(place)) throw new Refusal('EINVAL', 'this name of a directory cannot be removed')
      const isDirectory = await verifyKind(place)
      if (!isDirectory) return unlink(pathIn(place.fd, place.name))
      if (!isRecursive) throw new Refusal('EISDIR', 'a directory, which only recursive removes')
      await removeTree(place, signal)
    })
  } catch (error) {
    if (!isForced || codeOf(error) !== 'ENOENT') throw error
  }
}

/** Whether it is a directory. @throws ENOENT; ENOTDIR when it had to be one */
async function verifyKind({ fd, name, wantsDirectory }: Place): Promise<boolean> {
  const isDirectory = (await lstat(pathIn(fd, name))).isDirectory()
  if (wantsDirectory && !isDirectory) throw new Refusal('ENOTDIR', 'not a directory')
  return isDirectory
}

/** Goes on after a failure, as `rm -rf` does; what is mounted in it stays, with what leads there. */
async function removeTree({ fd, name }: Place, signal: AbortSignal): Promise<void> {
  const stop = new Uint8Array(1)
  const onAbort = () => stop.fill(1)
  signal.addEventListener('abort', onAbort)
  try {
    signal.throwIfAborted()
    await native().removeTreeAt(fd, name, stop)
  } catch (error) {
    signal.throwIfAborted()
    if (codeOf(error) === 'EXDEV') throw new Refusal('EBUSY', 'something is mounted there')
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

export async function renamePath(tree: FileTree, from: string, to: string): Promise<void> {
  await tree.place(from, (source) =>
    tree.place(to, async (target) => {
      if (!isName(source) || !isName(target)) throw new Refusal('EBUSY', 'this name of a directory cannot be renamed')
      const isDirectory = await verifyKind(source)
      if (target.wantsDirectory && !isDirectory) throw new Refusal('ENOTDIR', 'not a directory')
      await rename(pathIn(source.fd, source.name), pathIn(target.fd, target.name))
    }),
  )
}

export async function makeLink(tree: FileTree, target: string, path: string): Promise<void> {
  await tree.place(path, async (place) => {
    if (place.wantsDirectory) throw new Refusal('ENOENT', 'no such file or directory')
    if (!isName(place)) throw new Refusal('EEXIST', 'file already exists')
    await symlink(bytesOf(target), pathIn(place.fd, place.name))
  })
}

export async function changeMode(tree: FileTree, path: string, mode: number): Promise<void> {
  await tree.findOwn(path, (fd) => chmod(pathOf(fd), mode))
}

export async function changeOwner(tree: FileTree, path: string, uid: number, gid: number): Promise<void> {
  await tree.findOwn(path, (fd) => chown(pathOf(fd), uid, gid))
}
