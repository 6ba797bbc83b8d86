import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { imageLayer } from '../../test/support/images.js'
import { execute, type Workspace } from '../workspace.js'

/** One layer of the image that is moved about. */
export interface BenchLayer {
  readonly name: string
  /** The layer as registries have it: gzip. */
  readonly blob: string
  readonly tarBytes: number
  readonly blobBytes: number
}

/** Debian, and three layers on it: some packages, more packages, 20,000 small files. */
export interface BenchImage {
  /** An OCI layout whose image is named `image`. */
  readonly layout: string
  /** The same as `docker save` writes it. */
  readonly archive: string
  readonly layers: readonly BenchLayer[]
}

/** The image's name in archives, and in registries behind their host. */
export const imageName = 'bench/image:1'

const smallFiles = 20_000

export async function makeImage(workspace: Workspace): Promise<BenchImage> {
  const directory = join(workspace.directory, 'image')
  await mkdir(directory)
  const tars = { debian: imageLayer('debian'), redis: imageLayer('redis'), flask: imageLayer('flask') }
  const layout = await makeLayout(directory, { ...tars, small: await smallFilesLayer(directory) })
  const archive = join(workspace.directory, 'image.tar')
  await execute('skopeo', ['copy', '--quiet', `oci:${layout.path}:image`, `docker-archive:${archive}:${imageName}`])
  return { layout: layout.path, archive, layers: layout.layers }
}

/** An image of one layer with so many random bytes, which gzip does not make fewer; an OCI layout. */
export async function makeLargeImage(workspace: Workspace, bytes: number): Promise<string> {
  const directory = join(workspace.directory, 'large')
  await mkdir(directory)
  const random = `openssl enc -aes-128-ctr -pass pass:inboard -nosalt </dev/zero 2>/dev/null | head --bytes ${bytes} >data`
  await execute('sh', ['-c', `${random} && tar --create --file layer.tar data && rm data`], { cwd: directory })
  const { path } = await makeLayout(directory, { large: join(directory, 'layer.tar') }, 1)
  await rm(join(directory, 'layer.tar'))
  return path
}

/** Of all sizes up to 4 KiB, 100 in a directory, their contents text. */
async function smallFilesLayer(directory: string): Promise<string> {
  const text = (await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8')).slice(0, 200_000)
  const root = join(directory, 'small')
  for (let at = 0; at < smallFiles; at += 100) await mkdir(join(root, 'srv', `d${at / 100}`), { recursive: true })
  for (let at = 0; at < smallFiles; at++) {
    const content = text.slice((at * 7919) % 190_000).slice(0, (at * 31) % 4096)
    await writeFile(join(root, 'srv', `d${Math.floor(at / 100)}`, `file-${at}.txt`), content)
  }
  const tar = join(directory, 'small.tar')
  await execute('tar', ['--create', '--sort=name', '--mtime=@0', '--file', tar, '--directory', root, 'srv'])
  await rm(root, { recursive: true })
  return tar
}

async function makeLayout(
  directory: string,
  tars: Readonly<Record<string, string>>,
  level = 6,
): Promise<{ path: string; layers: BenchLayer[] }> {
  const path = join(directory, 'layout')
  await mkdir(join(path, 'blobs/sha256'), { recursive: true })
  const layers: BenchLayer[] = []
  const diffIds: string[] = []
  const descriptors: object[] = []
  for (const [name, tar] of Object.entries(tars)) {
    const aside = join(path, `${name}.gz`)
    await execute('sh', ['-c', `exec gzip -n -${level} -c "$0" >"$1"`, tar, aside])
    const digest = await digestOf(aside)
    const blob = join(path, 'blobs/sha256', digest.slice('sha256:'.length))
    await rename(aside, blob)
    const [{ size: tarBytes }, { size: blobBytes }] = await Promise.all([stat(tar), stat(blob)])
    layers.push({ name, blob, tarBytes, blobBytes })
    diffIds.push(await digestOf(tar))
    descriptors.push({ mediaType: `${oci}.image.layer.v1.tar+gzip`, digest, size: blobBytes })
  }
  await writeDocuments(path, diffIds, descriptors)
  return { path, layers }
}

const oci = 'application/vnd.oci'

async function writeDocuments(path: string, diffIds: readonly string[], layers: readonly object[]): Promise<void> {
  const document = async (mediaType: string, content: object) => {
    const bytes = Buffer.from(JSON.stringify(content))
    const hex = createHash('sha256').update(bytes).digest('hex')
    await writeFile(join(path, 'blobs/sha256', hex), bytes)
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
  }
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const rootfs = { type: 'layers', diff_ids: diffIds }
  const config = await document(`${oci}.image.config.v1+json`, {
    architecture,
    os: 'linux',
    config: { Cmd: ['true'] },
    rootfs,
  })
  const mediaType = `${oci}.image.manifest.v1+json`
  const manifest = await document(mediaType, { schemaVersion: 2, mediaType, config, layers })
  const annotations = { 'org.opencontainers.image.ref.name': 'image' }
  await writeFile(
    join(path, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  )
  await writeFile(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk)
  return `sha256:${hash.digest('hex')}`
}
