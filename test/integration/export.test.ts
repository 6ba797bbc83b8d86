import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { TarReader } from '../../src/layer/index.js'
import { Canary } from '../conformance/support/canary.js'
import { Programs } from '../conformance/support/programs.js'
import { testEngine } from '../support/engine.js'

interface Exported {
  readonly kind: string
  readonly mode: number
  readonly linkname: string
  content: string
}

/** What an archive has, by name. */
function read(archive: Buffer): Map<string, Exported> {
  const entries = new Map<string, Exported>()
  let last: Exported | undefined
  const reader = new TarReader(
    {
      entry({ name, kind, mode, linkname }) {
        last = { kind, mode, linkname, content: '' }
        entries.set(name, last)
      },
      data(bytes) {
        if (last && last.content.length < 4096) last.content += bytes.toString('latin1')
      },
      end: () => {},
    },
    {},
  )
  reader.push(archive)
  reader.finish(false)
  return entries
}

const exported = async (container: Container) => read(await buffer(container.export()))

for (const storageDriver of ['overlay', 'vfs'] as const)
  test(`an exported container is all its files but what is mounted, and runs when it is imported, with ${storageDriver}`, async () => {
    await using place = await testEngine(['busybox'], { storageDriver })
    const { engine, directory } = place
    const container = await engine
      .run('busybox', [
        'sh',
        '-ec',
        'echo own >/own; rm /bin/vi; echo v >/vol/v; echo t >/tf/t; ls / >/dev/null; exec sleep 1000',
      ])
      .volume(`${directory}:/vol`)
      .tmpfs('/tf')
    await expect.poll(async () => (await container.exec(['ls', '/tf'])).stdout).toBe('t\n')
    const entries = await exported(container)
    expect(entries.get('own')).toMatchObject({ kind: 'file', content: 'own\n' })
    expect([entries.has('bin/vi'), entries.has('bin/busybox')]).toEqual([false, true])
    // Docker's: mount points are empty directories and files.
    const mounted = [...entries.keys()].filter((name) =>
      /^(proc|sys|dev|vol|tf|etc\/(hosts|hostname|resolv.conf))(\/|$)/.test(name),
    )
    expect(mounted.sort()).toEqual([
      'dev/',
      'dev/console',
      'dev/pts/',
      'dev/shm/',
      'etc/hostname',
      'etc/hosts',
      'etc/resolv.conf',
      'proc/',
      'sys/',
      'tf/',
      'vol/',
    ])
    expect(entries.get('etc/hosts')).toMatchObject({ content: '' })
    const flat = await engine.images.import(container.export(), { reference: 'flat' })
    const { stdout } = await engine.run(flat.id, ['cat', '/own']).rm().output()
    expect([stdout, (await flat.inspect()).RootFS.Layers.length]).toEqual(['own\n', 1])
  })

test('a container that never ran is exported as its image, with the places of mounts', async () => {
  await using place = await testEngine()
  const entries = await exported(await place.engine.run('busybox').create())
  expect(['bin/busybox', '.dockerenv', 'proc/'].map((name) => entries.get(name)?.kind)).toEqual([
    'file',
    'file',
    'directory',
  ])
})

test('nothing is made faster than it is read, and leaving early ends it', async () => {
  await using place = await testEngine()
  const { engine } = place
  const container = await engine.run('busybox', ['dd', 'if=/dev/zero', 'of=/big', 'bs=1M', 'count=400'])
  await container.wait()
  const before = process.memoryUsage().rss
  const streams = [container.export(), container.export(), container.export()]
  for (const stream of streams) await once(stream, 'readable')
  // Three that nobody reads keep nobody else from work.
  const image = await container.commit('meanwhile')
  const grown = process.memoryUsage().rss - before
  for (const stream of streams) stream.destroy()
  await Promise.all(streams.map((stream) => stream.closed || once(stream, 'close')))
  expect(image.references).toEqual(['meanwhile:latest'])
  expect(grown).toBeLessThan(200 * 1024 * 1024)
})

test('an abort ends the stream with its reason', async () => {
  await using place = await testEngine()
  const container = await place.engine.run('busybox', ['dd', 'if=/dev/zero', 'of=/big', 'bs=1M', 'count=100'])
  await container.wait()
  const controller = new AbortController()
  const stream = container.export({ signal: controller.signal })
  await once(stream, 'readable')
  controller.abort(new Error('enough'))
  await expect(buffer(stream)).rejects.toThrow('enough')
})

test('a container that is removed meanwhile makes no whole archive', async () => {
  await using place = await testEngine()
  const container = await place.engine.run('busybox', ['dd', 'if=/dev/zero', 'of=/big', 'bs=1M', 'count=50'])
  await container.wait()
  const stream = container.export()
  await once(stream, 'readable')
  await container.remove()
  await expect(buffer(stream)).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
})

test('what exchanges directories, links, fifos and devices while it is read shows nothing of the host', async () => {
  using canary = new Canary()
  using programs = new Programs('exchange')
  await using place = await testEngine()
  const { engine } = place
  const prepare = [
    `mkdir -p /place/target /deep/a/b; echo mine >/place/secret; ln -s ${canary.directory} /link`,
    `echo mine >/file; ln -s ${canary.file} /filelink`,
    'echo mine >/plain; mkfifo /fifo; mknod /zero c 1 5; echo mine >/other; ln -s ../../../../../../../.. /deep/up',
  ]
  const pairs = ['/place /link', '/file /filelink', '/plain /fifo', '/other /zero', '/deep/a /deep/up']
  const loops = pairs.map((pair) => `/p/exchange ${pair} &`)
  const container = await engine
    .run('busybox', ['sh', '-c', `${prepare.join('; ')}; ${loops.join(' ')} echo ready; wait`])
    .volume(programs.volume)
  for await (const { text } of container.logs({ follow: true })) if (text.includes('ready')) break
  const seen: string[] = []
  const shapes = new Set<string>()
  for (let round = 0; round < 15; round++) {
    const entries = await exported(container)
    seen.push(...[...entries].flatMap(([name, { content }]) => (content.includes('canary') ? [name] : [])))
    shapes.add(['place', 'place/', 'file', 'plain', 'other'].map((name) => entries.get(name)?.kind).join())
    await container.diff()
    await container.commit('racing', { pause: false })
  }
  await container.remove({ force: true })
  const { stdout } = await engine
    .run('racing', ['sh', '-c', 'cat /place/secret /link/secret 2>/dev/null; true'])
    .rm()
    .output()
  expect(seen).toEqual([])
  // Each of the two is what it was when it was read: both may be directories, or both links.
  expect(stdout).toMatch(/^(mine\n)*$/)
  // Else nothing was raced against.
  expect(shapes.size).toBeGreaterThan(1)
}, 120_000)
