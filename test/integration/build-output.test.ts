import { execFile } from 'node:child_process'
import { lstat, mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'
import { installed } from '../support/installed.js'
import { readTar } from '../support/read-tar.js'

const run = promisify(execFile)

let place: TestEngine
let context: string
let directory: string
beforeAll(async () => {
  place = await testEngine(['busybox'])
  context = join(place.directory, 'context')
  await mkdir(join(context, 'sub'), { recursive: true })
  await writeFile(join(context, 'a'), 'one\n')
  await writeFile(join(context, 'sub/b'), 'two\n')
})
afterAll(() => place[Symbol.asyncDispose]())
beforeEach(async () => {
  directory = await mkdtemp('/tmp/ib-output-')
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const dockerfile = 'FROM busybox\nCOPY a /a\nRUN echo more >/b && rm /bin/wget\nCMD ["cat", "/a"]\n'
const build = (text = dockerfile) => place.engine.build(context).dockerfile(text)
const files = 'FROM scratch\nCOPY --chown=7:8 a /x/a\nCOPY sub /sub\n'
const at = (name: string) => join(directory, name)
const jsonOf = async (archive: string, name: string) => JSON.parse((await run('tar', ['-xOf', archive, name])).stdout)
const blobOf = (archive: string, digest: string) => jsonOf(archive, `blobs/sha256/${digest.slice('sha256:'.length)}`)
const names = async (path: string) =>
  (await run('find', [path, '-mindepth', '1', '-printf', '%P\\0'])).stdout.split('\0').slice(0, -1).sort()

describe('an image', () => {
  it('has its names, labels, history and a file with its ID', async () => {
    const iidfile = at('iid')
    const image = await build().tag('out:1', 'other:2').label('l', 'v').iidfile(iidfile)
    const inspect = await image.inspect()
    expect(inspect.RepoTags).toEqual(['other:2', 'out:1'])
    expect(inspect.Config).toMatchObject({ Labels: { l: 'v' }, Cmd: ['cat', '/a'] })
    expect(await readFile(iidfile, 'utf8')).toBe(image.id)
    const history = (await image.history()).slice(0, 3)
    expect(history.map(({ createdBy, comment }) => [createdBy, comment])).toEqual([
      ['CMD ["cat" "/a"]', 'buildkit.dockerfile.v0'],
      ['RUN /bin/sh -c echo more >/b && rm /bin/wget # buildkit', 'buildkit.dockerfile.v0'],
      ['COPY a /a # buildkit', 'buildkit.dockerfile.v0'],
    ])
    expect(history.every(({ createdAt }) => createdAt !== undefined)).toBe(true)
  })

  it('has no file with an ID when it could not be built', async () => {
    await writeFile(at('iid'), 'of another build')
    await expect(build('FROM busybox\nRUN exit 3\n').iidfile(at('iid'))).rejects.toMatchObject({ code: 'BUILD_FAILED' })
    expect(await names(directory)).toEqual([])
  })

  it('is the same when nothing has changed, and takes its names along', async () => {
    const first = await build().tag('same:1')
    const again = await build().tag('same:1', 'same:2')
    expect(again.id).toBe(first.id)
    expect(again.references).toEqual(expect.arrayContaining(['same:1', 'same:2']))
  })

  it('takes its name from the image that had it, and tells that', async () => {
    const since = new Date()
    const before = await build().tag('moves:1')
    const after = await build(`${dockerfile}LABEL x=y\n`).tag('moves:1')
    expect((await place.engine.images.get('moves:1')).id).toBe(after.id)
    expect(before.references).not.toContain('moves:1')
    const told: string[] = []
    const options = { since, until: new Date(), filters: { type: ['image'] } } as const
    for await (const { action, actor } of place.engine.events(options))
      told.push(`${action} ${actor.id} ${actor.attributes.name}`)
    expect(told).toEqual([`tag ${before.id} moves:1`, `tag ${after.id} moves:1`])
  })

  it('has one layer of its own when it is squashed, and the same files', async () => {
    const text = `${dockerfile}RUN rm /b && echo three >/c && chmod 4755 /c\n`
    const whole = await build(text).output({ type: 'tar', dest: at('whole.tar') })
    const plain = await build(text)
    const squashed = await build(text).squash()
    const squashedTar = await build(text)
      .squash()
      .output({ type: 'tar', dest: at('squashed.tar') })
    const base = await (await place.engine.images.get('busybox')).inspect()
    const { RootFS, Size } = await squashed.inspect()
    expect(RootFS.Layers).toHaveLength(base.RootFS.Layers.length + 1)
    expect(RootFS.Layers.slice(0, -1)).toEqual(base.RootFS.Layers)
    expect(Size).toBeLessThan((await plain.inspect()).Size)
    expect(squashedTar.size).toBe(whole.size)
    const { stdout } = await place.engine.run(squashed.id, ['sh', '-c', 'cat /a /c; ls /b /bin/wget']).rm().output()
    expect(stdout.toString()).toBe('one\nthree\n')
    const [merged, ...steps] = await squashed.history()
    expect(merged?.comment).toBe(`merge ${plain.id} to ${base.Id}`)
    expect(merged?.size).toBeGreaterThan(0)
    expect(steps.slice(0, 4).map(({ size }) => size)).toEqual([0, 0, 0, 0])
  })
})

describe('files in a directory', () => {
  it('are those of the target, with their owners and times', async () => {
    const output = await build(files).output({ type: 'local', dest: at('new/out') })
    expect(output).toEqual({ type: 'local', dest: at('new/out'), size: 8 })
    expect(await names(at('new/out'))).toEqual(['sub', 'sub/b', 'x', 'x/a'])
    const { uid, gid } = await stat(at('new/out/x/a'))
    expect([uid, gid]).toEqual([7, 8])
    expect(await readFile(at('new/out/sub/b'), 'utf8')).toBe('two\n')
  })

  it('go over what is there, and never through its symlinks', async () => {
    await mkdir(at('out'))
    await mkdir(at('elsewhere'))
    await writeFile(at('elsewhere/b'), 'mine')
    await symlink(at('elsewhere'), at('out/sub'))
    await writeFile(at('out/kept'), 'kept')
    await build(files).output({ type: 'local', dest: at('out') })
    expect((await lstat(at('out/sub'))).isDirectory()).toBe(true)
    expect(await readFile(at('elsewhere/b'), 'utf8')).toBe('mine')
    expect(await readFile(at('out/kept'), 'utf8')).toBe('kept')
  })

  it('are hostile ones as they are: no devices, links that lead nowhere, any name', async () => {
    const text = `FROM busybox AS made
RUN mkdir /out && cd /out && mknod disk b 8 0 && mkfifo pipe && ln -s /etc/passwd link && ln -s ../../.. up \\
  && echo 1 >"$(printf 'new\\nline')" && echo 2 >-rf && ln link hard
FROM scratch
COPY --from=made /out /
`
    await build(text).output({ type: 'local', dest: at('out') })
    expect(await names(at('out'))).toEqual(['-rf', 'hard', 'link', 'new\nline', 'pipe', 'up'])
    expect(await readlink(at('out/link'))).toBe('/etc/passwd')
    expect((await lstat(at('out/pipe'))).isFIFO()).toBe(true)
  })

  it('have a directory for each of several platforms', async () => {
    const image = build('FROM scratch\nARG TARGETARCH\nCOPY a /$TARGETARCH\n').platform('linux/amd64', 'linux/arm64')
    await image.output({ type: 'local', dest: at('out') })
    expect(await names(at('out'))).toEqual(['linux_amd64', 'linux_amd64/amd64', 'linux_arm64', 'linux_arm64/arm64'])
  })

  it('cannot be written where there is a file', async () => {
    await writeFile(at('out'), '')
    await expect(build(files).output({ type: 'local', dest: at('out') })).rejects.toMatchObject({
      code: 'SYSCALL_FAILED',
      details: { errno: 'EEXIST' },
    })
  })
})

describe('files in a tar', () => {
  it('are written to a path, and to a stream at its pace', async () => {
    const { size } = await build(files).output({ type: 'tar', dest: at('out.tar') })
    expect(size).toBe((await stat(at('out.tar'))).size)
    const chunks: Buffer[] = []
    let pending = 0
    const slow = new Writable({
      highWaterMark: 1,
      async write(chunk: Buffer, _, done) {
        pending++
        await setImmediate()
        chunks.push(chunk)
        expect(--pending).toBe(0)
        done()
      },
    })
    const output = await build(files).output({ type: 'tar', dest: slow })
    expect(output).toEqual({ type: 'tar', dest: undefined, size })
    const bytes = await readFile(at('out.tar'))
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
    expect((await readTar(bytes)).map(({ name, uid }) => [name, uid])).toEqual([
      ['sub/', 0],
      ['sub/b', 0],
      ['x/', 7],
      ['x/a', 7],
    ])
  })

  it('have a directory for each of several platforms, links with it', async () => {
    const text = 'FROM scratch\nCOPY a sub /\n'
    await build(text)
      .platform('linux/amd64', 'linux/arm/v6')
      .output({ type: 'tar', dest: at('out.tar') })
    expect((await run('tar', ['-tf', at('out.tar')])).stdout.trim().split('\n')).toEqual([
      'linux_amd64/',
      'linux_amd64/a',
      'linux_amd64/b',
      'linux_arm_v6/',
      'linux_arm_v6/a',
      'linux_arm_v6/b',
    ])
  })

  it('leave nothing when the stream fails', async () => {
    const failing = new Writable({ write: (_, __, done) => done(new Error('no more')) })
    await expect(build(files).output({ type: 'tar', dest: failing })).rejects.toThrow('no more')
    await expect(build(files).output({ type: 'tar', dest: at('missing/out.tar') })).rejects.toMatchObject({
      code: 'SYSCALL_FAILED',
      details: { errno: 'ENOENT' },
    })
    expect(await names(directory)).toEqual([])
  })
})

describe('an archive for docker', () => {
  it('is the image that a build without it makes, and leaves none here', async () => {
    const before = (await place.engine.images.list({ all: true })).length
    const text = `${dockerfile}LABEL only=archive\n`
    const output = await build(text)
      .tag('archived:1')
      .output({ type: 'docker', dest: at('out.tar') })
    expect((await place.engine.images.list({ all: true })).length).toBe(before)
    const [entry] = await jsonOf(at('out.tar'), 'manifest.json')
    expect(entry.RepoTags).toEqual(['archived:1'])
    const [loaded] = await place.engine.images.load(at('out.tar'))
    expect(loaded?.references).toEqual(['archived:1'])
    expect((await build(text)).id).toBe(loaded?.id)
    expect(output).toMatchObject({ type: 'docker', size: (await stat(at('out.tar'))).size })
  })

  it.runIf(installed('skopeo'))('is read by skopeo', async () => {
    await build()
      .tag('archived:2')
      .output({ type: 'docker', dest: at('out.tar') })
    const { stdout } = await run('skopeo', ['inspect', '--config', `docker-archive:${at('out.tar')}:archived:2`])
    expect(JSON.parse(stdout).config).toMatchObject({ Cmd: ['cat', '/a'] })
  })
})

describe('an OCI layout', () => {
  it('names its image, and says what it was told to say', async () => {
    const { digest } = await build()
      .tag('laid/out:1')
      .annotation('org.example.a', '1')
      .annotation('manifest:org.example.b', '2')
      .annotation('index:org.example.c', '3')
      .output({ type: 'oci', dest: at('out.tar') })
    const index = await jsonOf(at('out.tar'), 'index.json')
    expect(index.annotations).toEqual({ 'org.example.c': '3' })
    expect(index.manifests).toEqual([
      expect.objectContaining({
        digest,
        annotations: {
          'io.containerd.image.name': 'docker.io/laid/out:1',
          'org.opencontainers.image.ref.name': '1',
        },
      }),
    ])
    const manifest = await blobOf(at('out.tar'), digest as string)
    expect(manifest.annotations).toEqual({ 'org.example.a': '1', 'org.example.b': '2' })
    const [loaded] = await place.engine.images.load(at('out.tar'))
    expect(loaded?.references).toContain('laid/out:1')
    expect((await build()).id).toBe(loaded?.id)
  })

  it.runIf(installed('skopeo', 'umoci'))('is copied by skopeo and unpacked by umoci, with all platforms', async () => {
    const text = 'FROM scratch\nARG TARGETARCH\nCOPY a /$TARGETARCH\n'
    const { digest } = await build(text)
      .platform('linux/amd64', 'linux/arm64')
      .tag('both:1')
      .annotation('index:org.example.c', '3')
      .output({ type: 'oci', dest: at('out.tar') })
    const index = await blobOf(at('out.tar'), digest as string)
    expect(index.annotations).toEqual({ 'org.example.c': '3' })
    expect(index.manifests.map(({ platform }: { platform: object }) => platform)).toEqual([
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm64', os: 'linux' },
    ])
    await run('skopeo', ['copy', '--override-arch', 'arm64', `oci-archive:${at('out.tar')}:1`, `oci:${at('copy')}:1`])
    await run('umoci', ['unpack', '--image', `${at('copy')}:1`, at('bundle')])
    expect(await names(at('bundle/rootfs'))).toEqual(['arm64'])
  })

  it('goes into a directory, also one that has another', async () => {
    const layout = () =>
      build()
        .tag('dir:1')
        .output({ type: 'oci', dest: at('layout'), tar: false })
    const first = await layout()
    const before = await names(at('layout'))
    expect(await layout()).toMatchObject({ type: 'oci', dest: at('layout'), digest: first.digest })
    expect(await names(at('layout'))).toEqual(before)
    const [loaded] = await place.engine.images.load(at('layout'))
    expect(loaded?.id).toBe((await build()).id)
  })

  it('has one layer when it is squashed', async () => {
    const { digest } = await build()
      .squash()
      .output({ type: 'oci', dest: at('out.tar') })
    const { layers } = await blobOf(at('out.tar'), digest as string)
    const base = await (await place.engine.images.get('busybox')).inspect()
    expect(layers).toHaveLength(base.RootFS.Layers.length + 1)
  })
})

describe('SOURCE_DATE_EPOCH', () => {
  const epoch = 1_500_000_000
  const text = `FROM busybox
COPY a sub /files/
WORKDIR /made/here
RUN echo now >now && touch -d @99 old && mkdir -p deep/er && ln now again && date >/dev/null
RUN mkdir /last
CMD ["x"]
`

  it('makes the same bytes in two roots, without a cache', async () => {
    await using other = await testEngine(['busybox'])
    const outputs = [place.engine, other.engine].map(async (engine, number) => {
      const builder = engine.build(context).dockerfile(text).sourceDateEpoch(epoch).noCache().tag('again:1')
      const oci = await builder.output({ type: 'oci', dest: at(`${number}.tar`) })
      const tar = await builder.output({ type: 'tar', dest: at(`${number}.files.tar`) })
      const { id } = await builder
      return { id, digest: oci.digest, sizes: [oci.size, tar.size] }
    })
    const [one, two] = await Promise.all(outputs)
    expect(one).toEqual(two)
    expect((await readFile(at('0.tar'))).equals(await readFile(at('1.tar')))).toBe(true)
    expect((await readFile(at('0.files.tar'))).equals(await readFile(at('1.files.tar')))).toBe(true)
  })

  it('is the latest time there is', async () => {
    const image = await build(text).sourceDateEpoch(epoch)
    expect((await image.inspect()).Created).toBe('2017-07-14T02:40:00Z')
    const own = (await image.history()).slice(0, 5)
    expect(own.map(({ createdAt }) => createdAt?.getTime())).toEqual(Array.from({ length: 5 }, () => epoch * 1000))
    await build(text)
      .sourceDateEpoch(epoch)
      .output({ type: 'tar', dest: at('files.tar') })
    const entries = await readTar(await readFile(at('files.tar')))
    const timeOf = (wanted: string) => entries.find(({ name }) => name === wanted)?.mtime
    expect([timeOf('made/here/now'), timeOf('made/here/old')]).toEqual([epoch * 1000, 99_000])
  })
})

describe('a full disk', () => {
  beforeEach(async () => {
    await mkdir(at('disk'))
    await run('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'inboard-test', at('disk')])
  })
  afterEach(() => run('umount', ['--lazy', at('disk')]))

  it.each([
    { type: 'local', dest: 'out' },
    { type: 'tar', dest: 'out.tar' },
    { type: 'oci', dest: 'out.tar' },
    { type: 'oci', dest: 'layout', tar: false },
    { type: 'docker', dest: 'out.tar' },
  ] as const)('is told, and leaves no half of an archive: %o', async (output) => {
    const dest = join(at('disk'), output.dest)
    await expect(build().output({ ...output, dest })).rejects.toMatchObject({
      code: 'SYSCALL_FAILED',
      details: { errno: 'ENOSPC' },
    })
    expect((await names(at('disk'))).filter((name) => /\.tar|index\.json|(^|\/)\./.test(name))).toEqual([])
    expect((await build()).id).toMatch(/^sha256:/)
  })
})

describe('another platform', () => {
  it('needs nothing of the host when no program is run', async () => {
    const image = await build('FROM scratch\nCOPY a /a\nCMD ["/a"]\n').platform('linux/loong64').tag('foreign:1')
    expect(await image.inspect()).toMatchObject({ Architecture: 'loong64', RepoTags: ['foreign:1'] })
  })

  it('is refused by the step that would run a program, with the remedy', async () => {
    const text = 'FROM scratch\nCOPY a /a\nRUN ["/a"]\n'
    await expect(build(text).platform('linux/loong64')).rejects.toMatchObject({
      name: 'UnsupportedHostError',
      code: 'UNSUPPORTED_HOST',
      details: { line: 3, hint: expect.stringContaining('apt-get install qemu-user-static') },
    })
  })

  it('beside that of this host makes an image for each, of which this host has the name', async () => {
    const images = await build('FROM scratch\nCOPY a /a\n').platform('linux/loong64', 'linux/amd64').tag('several:1')
    const inspected = await Promise.all(images.map((image) => image.inspect()))
    expect(inspected.map(({ Architecture, RepoTags }) => [Architecture, RepoTags])).toEqual([
      ['loong64', []],
      ['amd64', ['several:1']],
    ])
  })
})

it('leaves nothing behind', async () => {
  expect(await place.leaks()).toEqual([])
})
