import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The images of `images.sh`, by the tag that their archive carries. */
export const imageTags = {
  busybox: 'busybox:latest',
  debian: 'debian:latest',
  nettools: 'nettools:latest',
  redis: 'redis:7',
  nginx: 'nginx:latest',
  postgres: 'postgres:15',
  mariadb: 'mariadb:10',
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
  const known = directories.get(name) ?? saidBefore(name)
  if (known !== undefined) return known
  const directory = execFileSync(script, [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
  directories.set(name, directory)
  keep(`${state()} ${directory}`)
  return directory
}

/** What the script has said: it asks apt, which takes seconds to say the same to each test file. */
const answer = fileURLToPath(new URL('../../node_modules/.cache/inboard-test-images', import.meta.url))

/** Undefined also when what it says that by is not as it was, or the image is not there any more. */
function saidBefore(name: TestImage): string | undefined {
  const [then, directory = ''] = existsSync(answer) ? readFileSync(answer, 'utf8').split(' ') : []
  if (then !== state() || !existsSync(join(directory, `${name}.tar`))) return undefined
  directories.set(name, directory)
  return directory
}

function keep(text: string): void {
  mkdirSync(dirname(answer), { recursive: true })
  writeFileSync(`${answer}.${process.pid}`, text)
  renameSync(`${answer}.${process.pid}`, answer)
}

/** The state of the script, of all that apt knows, and of where the cache is. */
function state(): string {
  const parts = [script, join(dirname(script), 'images'), '/etc/apt', '/var/lib/apt/lists', '/var/lib/dpkg/status']
  const hash = createHash('sha256').update(JSON.stringify([process.env.INBOARD_TEST_CACHE, process.env.HOME]))
  for (const part of parts) hash.update(JSON.stringify(timesOf(part)))
  return hash.digest('hex')
}

function timesOf(path: string): unknown {
  const facts = statSync(path, { throwIfNoEntry: false })
  if (!facts?.isDirectory()) return [facts?.size, facts?.mtimeMs]
  return readdirSync(path).map((name) => [name, timesOf(join(path, name))])
}
