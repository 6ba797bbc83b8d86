import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureProgram, execute } from '../workspace.js'

export async function hasSkopeo(): Promise<boolean> {
  return (await ensureProgram('skopeo', 'skopeo')) && (await ensureProgram('umoci', 'umoci'))
}

/** Brings an image of an OCI layout to a registry. */
export async function skopeoPush(layout: string, reference: string): Promise<void> {
  await execute('skopeo', [
    'copy',
    '--quiet',
    '--dest-tls-verify=false',
    `oci:${layout}:image`,
    `docker://${reference}`,
  ])
}

/** `skopeo copy` into an OCI layout, then `umoci unpack` of it into a bundle. */
export async function skopeoUmoci(reference: string, directory: string): Promise<void> {
  await execute('skopeo', [
    'copy',
    '--quiet',
    '--src-tls-verify=false',
    `docker://${reference}`,
    `oci:${directory}/layout:image`,
  ])
  await execute('umoci', ['unpack', '--image', `${directory}/layout:image`, `${directory}/bundle`])
}

/** `skopeo copy` into a directory, then `tar` of each layer, one over the other; whiteouts are left as they are. */
export async function skopeoTar(reference: string, directory: string): Promise<void> {
  await mkdir(join(directory, 'rootfs'), { recursive: true })
  await execute('skopeo', [
    'copy',
    '--quiet',
    '--src-tls-verify=false',
    `docker://${reference}`,
    `dir:${directory}/image`,
  ])
  const { layers } = JSON.parse(await readFile(join(directory, 'image/manifest.json'), 'utf8'))
  for (const { digest } of layers)
    await tarExtract(join(directory, 'image', digest.slice('sha256:'.length)), join(directory, 'rootfs'))
}

/** `tar xzf`, as root: with owners and modes as they are. */
export async function tarExtract(file: string, directory: string): Promise<void> {
  await execute('tar', ['--extract', '--gzip', '--file', file, '--directory', directory])
}

export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
}
