// A driver of volumes with a size: each is a filesystem of its own in a sparse file, which is mounted while a container uses it.
// Who fills his volume fills no other, nor the disk of this machine. Needs e2fsprogs and mount(8).
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { Engine, type VolumeDriver } from 'inboard'

const run = promisify(execFile)
const units: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/**
 * Keeps volumes in `directory`, a directory for each:
 *
 *     NAME/image    the filesystem
 *     NAME/files    where it is mounted
 *     NAME/uses/ID  who uses it: files, so that another process knows as well
 */
export function loopVolumes(directory: string): VolumeDriver {
  const at = (name: string, ...parts: string[]) => join(directory, name, ...parts)
  return {
    async create(name, options, { signal }) {
      const bytes = sizeOf(options)
      if (await exists(at(name))) return
      // Made aside: what has the name is whole, whenever this process is killed.
      const aside = join(directory, `.new-${name}`)
      await rm(aside, { recursive: true, force: true })
      for (const part of ['files', 'uses']) await mkdir(join(aside, part), { recursive: true, mode: 0o700 })
      try {
        await makeImage(join(aside, 'image'), bytes, signal)
        await rename(aside, at(name))
      } catch (error) {
        await rm(aside, { recursive: true, force: true })
        throw error
      }
    },

    async remove(name) {
      await unmount(at(name, 'files'))
      await rm(at(name), { recursive: true, force: true })
    },

    async mount(name, id, { signal }) {
      const files = at(name, 'files')
      // The use comes first: when this process is killed before the mount, `unmount` of the same use takes it away.
      await writeFile(at(name, 'uses', id), '')
      try {
        if (!(await isMounted(files))) await run('mount', ['-o', 'loop', at(name, 'image'), files], { signal })
      } catch (error) {
        await rm(at(name, 'uses', id), { force: true })
        throw error
      }
      return files
    },

    async unmount(name, id) {
      if (!(await exists(at(name)))) return
      const others = (await readdir(at(name, 'uses'))).filter((use) => use !== id)
      if (others.length === 0) await unmount(at(name, 'files'))
      await rm(at(name, 'uses', id), { force: true })
    },

    path: async (name) => ((await isMounted(at(name, 'files'))) ? at(name, 'files') : ''),

    async get(name) {
      const image = await stat(at(name, 'image')).catch(absent)
      if (!image) return undefined
      // What it takes of the disk is what was written to it.
      const status = { size: image.size, allocated: image.blocks * 512 }
      return { name, mountpoint: at(name, 'files'), createdAt: image.birthtime, status }
    },

    async list() {
      const names = (await readdir(directory)).filter((name) => !name.startsWith('.'))
      return names.map((name) => ({ name, mountpoint: at(name, 'files') }))
    },

    capabilities: async () => ({ scope: 'local' }),
  }
}

function sizeOf({ size = '1g', ...unknown }: Readonly<Record<string, string>>): number {
  for (const option of Object.keys(unknown)) throw new Error(`unknown option ${option}: a loop volume has 'size'`)
  const [, number, unit = ''] = /^(\d+)([kmgt]?)$/i.exec(size) ?? []
  const bytes = Number(number) * (units[unit.toLowerCase()] ?? 1)
  if (bytes >= 2 ** 20) return bytes
  throw new Error(`invalid size '${size}': give at least a megabyte, as '1m'`)
}

async function makeImage(path: string, bytes: number, signal: AbortSignal): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  await file.truncate(bytes)
  await run('mkfs.ext4', ['-q', '-F', '-m', '0', path], { signal })
  // A volume is filled with what an image has at its place, when it is empty.
  await run('debugfs', ['-w', '-R', 'rmdir lost+found', path], { signal })
  await file.sync()
}

async function unmount(path: string): Promise<void> {
  if (await isMounted(path)) await run('umount', [path])
}

async function isMounted(path: string): Promise<boolean> {
  return run('mountpoint', ['-q', path]).then(
    () => true,
    () => false,
  )
}

const exists = (path: string) => stat(path).then(() => true, absent)

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

// What a program does with it.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const directory = await mkdtemp(join(tmpdir(), 'inboard-'))
  const images = join(directory, 'images')
  await mkdir(images)
  const engine = await Engine.open({
    root: join(directory, 'root'),
    runRoot: join(directory, 'run'),
    volumeDrivers: { loop: loopVolumes(images) },
  })
  try {
    await engine.images.fromHost({ executables: ['/bin/sh', 'dd', 'df', 'ls', 'cat'], reference: 'tools' })
    const small = await engine.volumes.create('small').driver('loop').opt({ size: '16m' })

    const fill = 'echo kept >/data/note && dd if=/dev/zero of=/data/big bs=1M count=64'
    const full = await engine.run('tools', ['sh', '-c', fill]).volume('small:/data').rm().output()
    console.log(`writing 64 MB to a volume of 16: ${/No space left on device/.exec(full.stderr)?.[0]}`)

    const { stdout } = await engine.run('tools', ['cat', '/data/note']).volume('small:/data').rm().output()
    console.log(`what was written before is ${stdout.trim()}`)

    const { Driver, Mountpoint, Status } = await small.inspect()
    console.log(`${Driver}: ${Status?.size} bytes at most, at ${basename(dirname(Mountpoint))}/${basename(Mountpoint)}`)
    await small.remove()
    console.log(`left of it: ${(await readdir(images)).length} files`)
  } finally {
    await engine.close()
    await rm(directory, { recursive: true, force: true })
  }
}
