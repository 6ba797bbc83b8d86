import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The images of `images.sh`, by the tag that their archive carries. */
export const imageTags = {
  busybox: 'busybox:latest',
  debian: 'debian:latest',
  nettools: 'nettools:latest',
  redis: 'redis:7',
  nginx: 'nginx:latest',
  postgres: 'postgres:15',
  flask: 'flask:latest',
  registry: 'registry:2',
} as const

export type TestImage = keyof typeof imageTags

/** The forms in which busybox comes, each a path for `engine.images.load()`, the last for `import()`. */
export const busyboxForms = {
  dockerArchive: 'busybox.tar',
  dockerArchiveGzip: 'busybox.tar.gz',
  ociDirectory: 'busybox.oci',
  ociArchive: 'busybox.oci.tar',
  ociArchiveZstd: 'busybox.oci-zstd.tar',
  rootfs: 'busybox.rootfs.tar',
} as const

const script = fileURLToPath(new URL('images.sh', import.meta.url))
const directories = new Map<TestImage, string>()

/** The path of the docker-archive of a test image; built now if the cache lacks it. */
export function imageArchive(name: TestImage): string {
  return join(directoryOf(name), `${name}.tar`)
}

/** The path of the topmost layer of a test image, a plain tar: what its packages add to Debian. */
export function imageLayer(name: TestImage): string {
  return join(directoryOf(name), 'layers', `${name}.tar`)
}

/** The path of one form of busybox; built now if the cache lacks it. */
export function busyboxForm(form: keyof typeof busyboxForms): string {
  return join(directoryOf('busybox'), busyboxForms[form])
}

function directoryOf(name: TestImage): string {
  const known = directories.get(name)
  if (known !== undefined) return known
  const directory = execFileSync(script, [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
  directories.set(name, directory)
  return directory
}
