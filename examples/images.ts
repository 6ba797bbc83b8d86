// What a program does with images: makes one of this machine's own programs, names it, saves and loads it, commits a container
// to another, flattens that by export and import, and sends one through a registry when one is given:
//
//   INBOARD_REGISTRY=localhost:5000 npx tsx examples/images.ts
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Engine } from 'inboard'

const directory = await mkdtemp(join(tmpdir(), 'inboard-'))
const engine = await Engine.open({ root: join(directory, 'root'), runRoot: join(directory, 'run') })
try {
  const tools = await engine.images.fromHost({ executables: ['/bin/sh', 'cat', 'ls'], reference: 'tools:1' })
  await tools.tag('tools:latest')
  console.log(`made ${tools.references.join(' and ')}`)

  // One more layer on it: the host's certificates, found by a pattern.
  const web = await engine.images.fromHost({ from: 'tools:1', files: ['/etc/ssl/certs/*.pem'], reference: 'web:1' })
  console.log(`web has ${(await web.inspect()).RootFS.Layers.length} layers`)

  const archive = join(directory, 'images.tar')
  await engine.images.save(['tools', 'web:1'], archive)
  for (const reference of ['web:1', 'tools:1', 'tools:latest']) await engine.images.remove(reference)
  await engine.images.load(archive)
  const names = (await engine.images.list()).flatMap(({ repoTags }) => repoTags)
  console.log(`saved and loaded ${names.join(', ')}: ${(await stat(archive)).size} bytes`)

  const container = await engine.run('tools', ['/bin/sh', '-c', 'echo hello >/greeting'])
  await container.wait()
  for (const { kind, path } of await container.diff()) console.log(`changed: ${kind} ${path}`)
  const greeting = await container.commit('greeting:1', { message: 'say hello', changes: ['CMD ["cat", "/greeting"]'] })
  for (const { createdBy, size } of await greeting.history()) console.log(`step of ${size} bytes: ${createdBy}`)

  // A container's files as one tar, and an image of one layer from that.
  const flat = await engine.images.import(container.export(), {
    reference: 'greeting:flat',
    changes: ['CMD ["cat", "/greeting"]', 'ENV LANG=C.UTF-8'],
  })
  await container.remove()
  console.log(`flat has ${(await flat.inspect()).RootFS.Layers.length} layer`)
  console.log(`it says ${(await engine.run('greeting:flat').rm().output()).stdout.trim()}`)

  const registry = process.env.INBOARD_REGISTRY
  if (registry) {
    const reference = `${registry}/greeting:1`
    await greeting.tag(reference)
    for await (const progress of engine.images.push(reference)) {
      if (progress.kind === 'layer' && progress.status === 'done') console.log(`sent ${progress.layer.slice(7, 19)}`)
      if (progress.kind === 'image') console.log(`pushed ${progress.digest}`)
    }
    await engine.images.remove(reference)
    const pulled = await engine.pull(reference)
    console.log(`pulled ${(await pulled.inspect()).RepoDigests.join(' and ')}`)
  }

  const { deleted, spaceReclaimed } = await engine.images.prune({ all: true })
  console.log(`removed ${deleted.length} items, ${spaceReclaimed} bytes`)
} finally {
  await engine.close()
  await rm(directory, { recursive: true, force: true })
}
