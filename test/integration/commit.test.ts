import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { dockerArchive, tar } from '../support/archives.js'
import { type TestEngine, testEngine } from '../support/engine.js'

async function ended(run: PromiseLike<Container>): Promise<Container> {
  const container = await run
  await container.wait()
  return container
}

const diffIds = async ({ engine }: TestEngine, name: string) =>
  (await (await engine.images.get(name)).inspect()).RootFS.Layers

for (const storageDriver of ['overlay', 'vfs'] as const)
  test(`a committed container is an image that runs, with ${storageDriver}`, async () => {
    await using place = await testEngine(['busybox'], { storageDriver })
    const { engine } = place
    const script = 'echo data >/data; rm /bin/vi; mkdir -p /a/b /tmp/x; rm -r /root; mkdir /root; echo new >/root/new'
    const container = await ended(engine.run('busybox', ['sh', '-ec', script]).workdir('/a'))
    await container.commit('saved:1')
    const look = 'cat /data; test -e /bin/vi || echo gone; pwd; ls /root; ls -d /tmp/x'
    const { stdout, stderr } = await engine.run('saved:1', ['sh', '-c', look]).rm().output()
    expect([stdout, stderr]).toEqual(['data\ngone\n/a\nnew\n/tmp/x\n', ''])
  })

test('the image has the configuration of the container, and tells who made it of what', async () => {
  await using place = await testEngine()
  const { engine } = place
  const container = await engine
    .run('busybox', ['sh', '-c', 'true'])
    .env({ GREETING: 'hi' })
    .workdir('/a')
    .label({ of: 'container' })
    .user('1000')
    .create()
  const changes = ['ENV MORE=1 GREETING=ho', 'EXPOSE 80', 'CMD ["cat"]', 'LABEL by=change']
  const options = { author: 'me <me@example.org>', message: 'first', changes }
  const image = await container.commit('registry.local:5000/saved:1', options)
  const { Config, Author, Comment, Parent, RepoTags } = await image.inspect()
  const history = await image.history()
  expect(Config).toMatchObject({
    Cmd: ['cat'],
    Env: expect.arrayContaining(['GREETING=ho', 'MORE=1']),
    WorkingDir: '/a',
    User: '1000',
    Labels: { of: 'container', by: 'change' },
    ExposedPorts: { '80/tcp': {} },
  })
  expect([Author, Comment, RepoTags]).toEqual(['me <me@example.org>', 'first', ['registry.local:5000/saved:1']])
  expect(Parent).toBe((await engine.images.get('busybox')).id)
  expect(JSON.stringify(history[0])).toContain('sh -c true')
})

test('a container that changed nothing makes an image of the same layers', async () => {
  await using place = await testEngine()
  const container = await ended(place.engine.run('busybox', ['true']))
  const image = await container.commit()
  expect((await image.inspect()).RootFS.Layers).toEqual(await diffIds(place, 'busybox'))
})

test('what runs stands still while it is read, and goes on', async () => {
  await using place = await testEngine()
  const { engine } = place
  const prepare = 'mkdir /m; for i in $(seq 1000); do echo $i >/m/$i; done; echo ready'
  // What is read first and what is read last are never far apart.
  const script = `${prepare}; i=0; while :; do i=$((i+1)); echo $i >/a.new; mv /a.new /a; echo $i >/z.new; mv /z.new /z; done`
  const container = await engine.run('busybox', ['sh', '-c', script])
  for await (const { text } of container.logs({ follow: true })) if (text.includes('ready')) break
  const numbers = async () => (await container.exec(['cat', '/a'])).stdout.trim()
  await expect.poll(numbers).not.toBe('')
  const image = await container.commit('still')
  const before = await numbers()
  await expect.poll(numbers).not.toBe(before)
  await container.remove({ force: true })
  const { stdout } = await engine.run(image.id, ['cat', '/a', '/z']).rm().output()
  const [a = 0, z = 0] = stdout.trim().split('\n').map(Number)
  expect(a - z === 0 || a - z === 1).toBe(true)
})

test('one that is killed while it stands still ends at once', async () => {
  await using place = await testEngine()
  const container = await place.engine.run('busybox', [
    'sh',
    '-c',
    'mkdir /m; for i in $(seq 1000); do echo $i >/m/$i; done; sleep 1000',
  ])
  await expect.poll(async () => (await container.exec(['ls', '/m'])).stdout.length).toBeGreaterThan(3000)
  const committed = container.commit('killed').catch((error: Error) => error)
  await container.kill()
  expect((await container.wait()).exitCode).toBe(137)
  await committed
})

test('several commits of one container at once are all whole', async () => {
  await using place = await testEngine()
  const container = await place.engine.run('busybox', ['sh', '-c', 'echo 1 >/file; sleep 1000'])
  await expect.poll(async () => (await container.exec(['cat', '/file'])).stdout).toBe('1\n')
  const images = await Promise.all(['one', 'two', 'three'].map((name) => container.commit(name)))
  const { stdout } = await container.exec(['echo', 'moves'])
  const layers = await Promise.all(images.map(async (image) => (await image.inspect()).RootFS.Layers))
  expect(new Set(layers.map(String)).size).toBe(1)
  expect(stdout).toBe('moves\n')
})

test('the 128th layer is refused', async () => {
  await using place = await testEngine()
  const { engine, directory } = place
  const layers = await Promise.all(Array.from({ length: 126 }, (_, at) => tar({ [`f${at}`]: '' })))
  const bottom = readBusyboxLayer(directory)
  const archive = await tar(dockerArchive({ layers: [bottom, ...layers] }, ['deep:1']))
  await engine.images.load(
    (async function* () {
      yield archive
    })(),
  )
  const container = await ended(engine.run('deep:1', ['touch', '/more']))
  await expect(container.commit('deeper')).rejects.toMatchObject({ code: 'TOO_MANY_LAYERS' })
  expect((await engine.images.list()).length).toBe(2)
})

test('what no layer can have is refused, and nothing is left', async () => {
  await using place = await testEngine()
  const container = await ended(place.engine.run('busybox', ['touch', '/.wh.bin']))
  await expect(container.commit('bad')).rejects.toMatchObject({ code: 'LAYER_INVALID', details: { path: '.wh.bin' } })
  expect(
    [
      ...readdirSync(`${place.directory}/root/content/ingest`),
      ...readdirSync(`${place.directory}/root/snapshots`),
    ].filter((name) => name.startsWith('tmp-') || /^[0-9a-f]{32}/.test(name)),
  ).toEqual([])
})

test.each([
  ['Bad:name', 'INVALID_REFERENCE', {}],
  [`name@sha256:${'0'.repeat(64)}`, 'INVALID_REFERENCE', {}],
  ['name', 'INVALID_OPTION', { changes: ['RUN x'] }],
])('the name %s with the error %s makes no image', async (name, code, options) => {
  await using place = await testEngine()
  const container = await place.engine.run('busybox').create()
  await expect(container.commit(name, options)).rejects.toMatchObject({ code })
  expect(await place.engine.images.list()).toHaveLength(1)
})

test('a commit that is aborted leaves nothing', async () => {
  await using place = await testEngine()
  const container = await ended(
    place.engine.run('busybox', ['sh', '-c', 'dd if=/dev/urandom of=/big bs=1M count=64 2>/dev/null']),
  )
  const controller = new AbortController()
  const committed = container.commit('aborted', { signal: controller.signal })
  setTimeout(() => controller.abort(new Error('enough')), 50)
  await expect(committed).rejects.toThrow('enough')
  expect(await place.engine.images.list()).toHaveLength(1)
})

/** The layer of the loaded busybox. */
function readBusyboxLayer(directory: string): Buffer {
  const blobs = `${directory}/root/content/sha256`
  const files = readdirSync(blobs).map((name) => readFileSync(`${blobs}/${name}`))
  return files.sort((one, other) => other.length - one.length)[0] as Buffer
}
