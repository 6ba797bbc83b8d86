import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** A registry of npm packages on loopback. */
export interface PackageRegistry extends AsyncDisposable {
  readonly url: string
}

interface Installed {
  readonly manifest: { readonly name: string; readonly version: string }
  readonly directory: string
}

/**
 * Serves what is installed in a `node_modules` directory as a registry of npm would: an installation of packages needs no
 * network then, and has the versions that are tested. What is not installed here, such as a package for another platform, is not found.
 */
export async function packageRegistry(modules: string): Promise<PackageRegistry> {
  const packages = new Map<string, Installed[]>()
  for (const installed of packagesIn(modules)) {
    const versions = packages.get(installed.manifest.name) ?? []
    packages.set(installed.manifest.name, [...versions, installed])
  }
  const server = createServer((request, response) => {
    const [name = '', version] = decodeURIComponent(request.url ?? '')
      .slice(1)
      .split('/-/')
    const versions = packages.get(name) ?? []
    const one = versions.find(({ manifest }) => `${manifest.version}.tgz` === version)
    if (one) void sendTarball(one, response).catch(() => response.destroy())
    else if (version === undefined && versions.length > 0) sendDocument(name, versions, url, response)
    else response.writeHead(404).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function* packagesIn(modules: string): Generator<Installed> {
  for (const name of names(modules)) {
    const isScope = name.startsWith('@')
    const found = isScope ? names(join(modules, name)).map((below) => join(name, below)) : [name]
    for (const one of found) {
      const directory = join(modules, one)
      yield { manifest: JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')), directory }
      yield* packagesIn(join(directory, 'node_modules'))
    }
  }
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => !name.startsWith('.'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function sendDocument(name: string, versions: readonly Installed[], url: string, response: ServerResponse): void {
  const described = versions.map(({ manifest }) => [
    manifest.version,
    { ...manifest, dist: { tarball: `${url}/${name}/-/${manifest.version}.tgz` } },
  ])
  const latest = versions[0]?.manifest.version
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ name, 'dist-tags': { latest }, versions: Object.fromEntries(described) }))
}

/** As it was published: what was built or installed in it stays here. */
async function sendTarball({ directory }: Installed, response: ServerResponse): Promise<void> {
  const isBuiltHere = existsSync(join(directory, 'binding.gyp'))
  const left = ['--anchored', '--exclude=./node_modules', ...(isBuiltHere ? ['--exclude=./build'] : [])]
  const tar = spawn(
    'tar',
    ['-C', directory, ...left, '--transform=s,^\\.,package,', '-I', 'gzip -1', '-cf', '-', '.'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  response.writeHead(200, { 'content-type': 'application/octet-stream' })
  await pipeline(tar.stdout, response)
}
