import { closeSync } from 'node:fs'
import { AT_FDCWD, native, O_DIRECTORY, O_RDONLY } from '../host/index.js'

/**
 * Mounts a volume over layers on its `_data`. A rename of a directory that is in a layer works, as databases need it
 * (`redirect_dir=on`); fsync is what it is elsewhere, and a layer holds whole files.
 *
 * @param isPassing nobody wants its files after a power cut: nothing is synced, neither what programs want synced nor each file that
 *   is written to first
 * @see https://docs.kernel.org/filesystems/overlayfs.html
 */
export async function mountLayers(
  home: string,
  layersDirectory: string,
  layers: readonly string[],
  { isPassing }: { readonly isPassing: boolean },
): Promise<void> {
  // Left by a mount before, which was not synced: here it is the same kernel that has its files.
  await native().removeTree(`${home}/work/work/incompat`)
  const opened: number[] = []
  // The kernel takes a page of options, in which commas and colons separate: directories are named by their descriptors.
  const pathTo = (directory: string) => {
    const fd = native().openat2(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0, 0)
    opened.push(fd)
    return `/proc/self/fd/${fd}`
  }
  try {
    const below = pathTo(layersDirectory)
    const own = pathTo(home)
    const lowerdir = layers.map((layer) => `${below}/${layer}`).join(':')
    const data = `lowerdir=${lowerdir},upperdir=${own}/upper,workdir=${own}/work,redirect_dir=on,metacopy=off,index=off${isPassing ? ',volatile' : ''}`
    await native().mount('overlay', `${home}/_data`, 'overlay', 0, data)
  } finally {
    for (const fd of opened) closeSync(fd)
  }
}
