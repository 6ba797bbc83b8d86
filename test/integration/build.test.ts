import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { BuildError, type BuildOptions, type Engine, InboardError } from '../../src/index.js'
import { contextOf } from '../support/build-context.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let place: TestEngine
let engine: Engine

beforeAll(async () => {
  place = await testEngine(['busybox', 'debian'])
  engine = place.engine
})
afterAll(async () => {
  const leaks = await place.leaks()
  await place[Symbol.asyncDispose]()
  expect(leaks).toEqual([])
})

const outputOf = async (image: string, command?: readonly string[]) => {
  const { exitCode, stdout, stderr } = await engine.run(image, command).rm().output()
  return exitCode === 0 ? stdout : `${exitCode}: ${stderr}`
}

describe('the Dockerfiles of the tutorials', () => {
  test('a program that was copied, and an entrypoint script that decides what to do with arguments', async () => {
    const context = contextOf({
      Dockerfile: [
        'FROM debian',
        'LABEL maintainer="John Smith"',
        'COPY cowsay /usr/games/',
        'RUN mkdir -p /usr/share/fortunes && echo "You will build." >/usr/share/fortunes/one',
        'COPY entrypoint.sh /',
        'ENTRYPOINT ["/entrypoint.sh"]',
      ].join('\n'),
      cowsay: '#!/bin/sh\ntest $# -gt 0 && say="$*" || say=$(cat)\necho "< $say >"\necho " \\\\ (oo)"\n',
      'entrypoint.sh':
        '#!/bin/bash\nif [ $# -eq 0 ]; then cat /usr/share/fortunes/one | /usr/games/cowsay; else /usr/games/cowsay "$@"; fi\n',
    })
    await engine.build(context).tag('test/cowsay-dockerfile')
    expect(await outputOf('test/cowsay-dockerfile')).toBe('< You will build. >\n \\ (oo)\n')
    expect(await outputOf('test/cowsay-dockerfile', ['Moo'])).toBe('< Moo >\n \\ (oo)\n')
  })

  test('a chain of RUNs, each a layer with its line of history', async () => {
    const context = contextOf({
      Dockerfile: [
        '# This is a comment',
        'FROM debian',
        'MAINTAINER Docker Newbee <newbee@docker.com>',
        'RUN mkdir -p /gems && echo sinatra >/gems/list',
        'RUN echo rack >>/gems/list \\',
        '  && echo tilt >>/gems/list',
        'RUN sort /gems/list >/gems/sorted',
        'CMD cat /gems/sorted',
      ].join('\n'),
    })
    const image = await engine.build(context).tag('ouruser/sinatra:v2')
    expect(await outputOf('ouruser/sinatra:v2')).toBe('rack\nsinatra\ntilt\n')
    const { Author, Config, RootFS } = await image.inspect()
    expect(Author).toBe('Docker Newbee <newbee@docker.com>')
    expect(Config.Cmd).toEqual(['/bin/sh', '-c', 'cat /gems/sorted'])
    expect(RootFS.Layers).toHaveLength(4)
    const history = await image.history()
    expect(history.slice(0, 4).map(({ createdBy }) => createdBy)).toEqual([
      'CMD ["/bin/sh" "-c" "cat /gems/sorted"]',
      'RUN /bin/sh -c sort /gems/list >/gems/sorted # buildkit',
      'RUN /bin/sh -c echo rack >>/gems/list   && echo tilt >>/gems/list # buildkit',
      'RUN /bin/sh -c mkdir -p /gems && echo sinatra >/gems/list # buildkit',
    ])
  })

  test('a service with a user of its own, several ports and a command that a variable decides on', async () => {
    const context = contextOf({
      Dockerfile: [
        'FROM debian',
        'RUN groupadd -r uwsgi && useradd -r -g uwsgi uwsgi',
        'WORKDIR /app',
        'COPY app /app',
        'COPY cmd.sh /',
        'EXPOSE 9090 9191',
        'USER uwsgi',
        'CMD ["/cmd.sh"]',
      ].join('\n'),
      'app/identidock.py': 'print("hello")\n',
      'cmd.sh':
        '#!/bin/bash\nset -e\nif [ "$ENV" = DEV ]; then echo "Running Development Server as $(id -un)"; else echo "Running Production Server in $(pwd)"; fi\n',
    })
    const image = await engine.build(context).tag('identidock')
    expect(await outputOf('identidock')).toBe('Running Production Server in /app\n')
    expect((await engine.run('identidock').env({ ENV: 'DEV' }).rm().output()).stdout).toBe(
      'Running Development Server as uwsgi\n',
    )
    const { Config } = await image.inspect()
    expect(Config).toMatchObject({
      User: 'uwsgi',
      WorkingDir: '/app',
      ExposedPorts: { '9090/tcp': {}, '9191/tcp': {} },
    })
  })

  test('a parent with ONBUILD, whose triggers run in the child’s build', async () => {
    const parent = contextOf({
      Dockerfile: 'FROM busybox\nONBUILD COPY . /src\nONBUILD RUN wc -l </src/lines >/count\nCMD cat /count\n',
    })
    await engine.build(parent).tag('counter:onbuild')
    const child = contextOf({ Dockerfile: 'FROM counter:onbuild\n', lines: 'a\nb\nc\n' })
    const image = await engine.build(child).tag('counter')
    expect((await outputOf('counter')).trim()).toBe('3')
    expect((await image.inspect()).Config.OnBuild ?? []).toEqual([])
  })

  test('several stages: what is needed to build is not in the image', async () => {
    const context = contextOf({
      Dockerfile: [
        'FROM debian AS build',
        'COPY main.sh /work/main.sh',
        'RUN cd /work && sed s/NAME/world/ main.sh >hello && chmod +x hello',
        'FROM busybox AS unused',
        'RUN exit 1',
        'FROM busybox',
        'COPY --from=build /work/hello /usr/bin/hello',
        'ENTRYPOINT ["hello"]',
      ].join('\n'),
      'main.sh': '#!/bin/sh\necho hello NAME\n',
    })
    const image = await engine.build(context).tag('hello')
    expect(await outputOf('hello')).toBe('hello world\n')
    const base = await (await engine.images.get('busybox')).inspect()
    expect((await image.inspect()).RootFS.Layers).toHaveLength(base.RootFS.Layers.length + 1)
  })
})

describe('a build', () => {
  test('that is done again takes all of it from the cache, in another process too, and has the same ID', async () => {
    const context = contextOf({ Dockerfile: 'FROM busybox\nCOPY a /\nRUN cat /a >/b\nENV X=1\n', a: 'of this test' })
    const image = await engine.build(context)
    const other = await place.reopen()
    const statuses: string[] = []
    const build = other.build(context)
    for await (const event of build) if (event.kind === 'step' && event.step.line !== 1) statuses.push(event.status)
    expect(statuses).toEqual(['cached', 'cached'])
    expect((await build).id).toBe(image.id)
    const fresh = await other.build(context).noCache()
    expect(fresh.id).not.toBe(image.id)
  })

  test('that fails tells the line, the exit code and what the program wrote, and leaves no container', async () => {
    const context = contextOf({ Dockerfile: 'FROM busybox\n\nRUN echo one; echo two >&2; exit 7\n' })
    const failed = await engine.build(context).then(
      () => undefined,
      (error: unknown) => error as BuildError,
    )
    expect(failed).toBeInstanceOf(BuildError)
    expect(failed).toMatchObject({ code: 'BUILD_FAILED', file: 'Dockerfile', line: 3, exitCode: 7 })
    expect(failed?.instruction).toBe('RUN echo one; echo two >&2; exit 7')
    expect(failed?.output?.split('\n').sort()).toEqual(['', 'one', 'two'])
    expect(await engine.containers.list({ all: true })).toEqual([])
  })

  test('that is aborted stops its program, and leaves no container', async () => {
    const abort = new AbortController()
    const build = engine
      .build(undefined, { dockerfile: 'FROM busybox\nRUN echo begun; sleep 1000\n' })
      .signal(abort.signal)
    const events = (async () => {
      for await (const event of build) if (event.kind === 'log') abort.abort(new Error('enough'))
    })()
    await expect(events).rejects.toThrow('enough')
    expect(await engine.containers.list({ all: true })).toEqual([])
  })

  test('has arguments, labels, a target, an ID in a file', async () => {
    const directory = mkdtempSync('/tmp/ib-iid-')
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const dockerfile =
      'ARG BASE=none\nFROM $BASE AS one\nARG A=1 B=2\nLABEL a=$A b=$B\nFROM one AS two\nLABEL two=yes\n'
    const image = await engine
      .build()
      .dockerfile(dockerfile)
      .buildArg('BASE', 'busybox')
      .buildArg('A', 'x')
      .label('own', 'yes')
      .target('one')
      .iidfile(join(directory, 'iid'))
    expect((await image.inspect()).Config.Labels).toEqual({ a: 'x', b: '2', own: 'yes' })
    expect(readFileSync(join(directory, 'iid'), 'utf8')).toBe(image.id)
  })
})

describe('options as an object', () => {
  test('are the same as those of the methods', async () => {
    const context = contextOf({ 'x.Dockerfile': 'FROM busybox AS a\nARG V\nRUN echo $V >/v\nFROM a AS b\nRUN rm /v\n' })
    const signal = new AbortController().signal
    const options: BuildOptions = {
      tag: ['same:1', 'same:2'],
      file: 'x.Dockerfile',
      buildArg: { V: '1', NONE: undefined },
      target: 'a',
      label: { l: '' },
      annotation: { 'manifest:a': 'b' },
      noCacheFilter: ['x'],
      pull: false,
      cacheFrom: ['same:0'],
      buildContext: { other: context },
      secret: [{ id: 's', value: 'v' }],
      network: 'none',
      allow: ['network.host'],
      addHost: ['a:10.0.0.1'],
      memory: '64m',
      memorySwap: -1,
      cpus: 1,
      cpuShares: 512,
      cpusetCpus: '0',
      cpusetMems: '0',
      ulimit: ['nofile=1024:2048'],
      shmSize: '32m',
      cgroupParent: '',
      squash: false,
      sourceDateEpoch: 0,
      parallelism: 2,
      signal,
    }
    const fluent = engine
      .build(context)
      .tag('same:1', 'same:2')
      .file('x.Dockerfile')
      .buildArg('V', '1')
      .buildArg('NONE', undefined)
      .target('a')
      .label('l')
      .annotation('manifest:a', 'b')
      .noCacheFilter('x')
      .pull(false)
      .cacheFrom('same:0')
      .buildContext('other', context)
      .secret({ id: 's', value: 'v' })
      .network('none')
      .allow('network.host')
      .addHost('a:10.0.0.1')
      .memory('64m')
      .memorySwap(-1)
      .cpus(1)
      .cpuShares(512)
      .cpusetCpus('0')
      .cpusetMems('0')
      .ulimit('nofile=1024:2048')
      .shmSize('32m')
      .cgroupParent('')
      .squash(false)
      .sourceDateEpoch(0)
      .parallelism(2)
      .signal(signal)
    expect(fluent.toRequest()).toEqual(engine.build(context, options).toRequest())
    const image = await fluent
    expect(await engine.build(context, options)).toEqual(image)
    expect(image.references).toEqual(['same:1', 'same:2'])
  })

  test('decide on what is awaited: an image, an array of images, or an output', async () => {
    const directory = mkdtempSync('/tmp/ib-out-')
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const dockerfile = 'FROM busybox\nRUN echo hi >/greeting\n'
    const image = await engine.build(undefined, { dockerfile, platform: 'linux/amd64' })
    const images = await engine.build(undefined, { dockerfile, platform: ['linux/amd64'] })
    expect(images.map(({ id }) => id)).toEqual([image.id])
    expect((await engine.build().dockerfile(dockerfile).platform(['linux/amd64'])).map(({ id }) => id)).toEqual([
      image.id,
    ])
    const output = { type: 'local', dest: directory } as const
    expect(await engine.build(undefined, { dockerfile, output })).toMatchObject({ type: 'local', dest: directory })
    expect(readFileSync(join(directory, 'greeting'), 'utf8')).toBe('hi\n')
    expect(await engine.build().dockerfile(dockerfile).output(output)).toMatchObject({ type: 'local' })
  })
})

const dockerfile = 'FROM busybox'

describe('what cannot be built is refused before anything is done', () => {
  test.each<[BuildOptions | (BuildOptions & Record<string, unknown>), string]>([
    [{ dockerfile, file: 'x' }, 'file'],
    [{ dockerfile: 7 as unknown as string }, 'dockerfile'],
    [{}, 'context'],
    [{ dockerfile, platform: [] }, 'platform'],
    [{ dockerfile, platform: 'plan9/amd64' }, 'platform'],
    [{ dockerfile, platform: 'linux/z80' }, 'platform'],
    [{ dockerfile, network: '' }, 'network'],
    [{ dockerfile, allow: ['device' as 'network.host'] }, 'allow'],
    [{ dockerfile, label: { '': 'x' } }, 'label'],
    [{ dockerfile, label: { a: 1 as unknown as string } }, 'label'],
    [{ dockerfile, buildArg: { '': 'x' } }, 'buildArg'],
    [{ dockerfile, annotation: { 'layer:x': 'y' } }, 'annotation'],
    [{ dockerfile, memory: '4m' }, 'memory'],
    [{ dockerfile, memory: 'much' }, 'memory'],
    [{ dockerfile, memorySwap: '64m' }, 'memorySwap'],
    [{ dockerfile, cpus: 1000 }, 'cpus'],
    [{ dockerfile, cpuPeriod: 1 }, 'cpuPeriod'],
    [{ dockerfile, shmSize: '1x' }, 'shmSize'],
    [{ dockerfile, ulimit: ['files=1'] }, 'ulimit'],
    [{ dockerfile, addHost: ['x'] }, 'addHost'],
    [{ dockerfile, noCache: true, noCacheFilter: ['a'] }, 'noCacheFilter'],
    [{ dockerfile, pull: 'yes' as unknown as boolean }, 'pull'],
    [{ dockerfile, parallelism: 0 }, 'parallelism'],
    [{ dockerfile, sourceDateEpoch: -1 }, 'sourceDateEpoch'],
    [{ dockerfile, buildArg: { SOURCE_DATE_EPOCH: 'now' } }, 'sourceDateEpoch'],
    [
      {
        dockerfile,
        secret: [
          { id: 'a', value: '1' },
          { id: 'a', value: '2' },
        ],
      },
      'secret',
    ],
    [{ dockerfile, secret: [{ id: 'a', value: '1', file: 'x' }] }, 'secret'],
    [{ dockerfile, secret: [{ id: 'a', file: '/nowhere' }] }, 'secret'],
    [{ dockerfile, secret: [{ id: 'a', file: '/' }] }, 'secret'],
    [{ dockerfile, secret: [{ id: 'NOT_THERE' }] }, 'secret'],
    [{ dockerfile, secret: [{ id: '', value: 'x' }] }, 'secret'],
    [{ dockerfile, ssh: [{ socket: '/x' }, { socket: '/y' }] }, 'ssh'],
    [{ dockerfile, ssh: [{ socket: '/x', keys: ['/k'] }] }, 'ssh'],
    [{ dockerfile, output: { type: 'zip' as 'tar', dest: 'x' } }, 'output'],
    [{ dockerfile, output: { type: 'tar', dest: '' } }, 'output'],
    [{ dockerfile, output: { type: 'local', dest: process.stdout as unknown as string } }, 'output'],
    [{ dockerfile, output: { type: 'local', dest: 'out' }, iidfile: 'iid' }, 'iidfile'],
    [{ dockerfile, iidfile: '' }, 'iidfile'],
    [{ dockerfile, squash: true, platform: ['linux/amd64', 'linux/arm64'] }, 'squash'],
    [{ dockerfile, output: { type: 'docker', dest: 'x' }, platform: ['linux/amd64', 'linux/arm64'] }, 'output'],
    [{ dockerfile, buildContext: { 'a b': '.' } }, 'buildContext'],
    [{ dockerfile, buildContext: { a: '' } }, 'buildContext'],
    [{ dockerfile, buildContext: { a: 'oci-layout://x' } }, 'buildContext'],
    [{ dockerfile, cacheFrom: [{ type: 's3' } as unknown as 'x'] }, 'cacheFrom'],
    [{ dockerfile, cacheTo: [{ type: 'local', dest: '' }] }, 'cacheTo'],
    [{ dockerfile, cacheTo: [{ type: 'registry', ref: 'a', mode: 'all' as 'max' }] }, 'cacheTo'],
  ])('%j', async (options, option) => {
    await expect(engine.build(undefined, options)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { option },
      message: expect.stringMatching(/.: ./),
    })
  })

  test.each([
    [{ tag: ['A b'] }, 'tag'],
    [{ tag: ['a', `a@sha256:${'0'.repeat(64)}`] }, 'tag'],
    [{ buildContext: { a: 'docker-image://A b' } }, 'buildContext'],
    [{ cacheFrom: ['A b'] }, 'cacheFrom'],
    [{ cacheTo: [{ type: 'registry', ref: 'A b' } as const] }, 'cacheTo'],
  ])('names of images: %j', async (options, option) => {
    const failed = engine.build(undefined, { dockerfile, ...options })
    await expect(failed).rejects.toMatchObject({ code: 'INVALID_REFERENCE', details: { option } })
  })

  test.each(['file:///srv/app', 'ftp://x/y', ''])('the context %j', async (context) => {
    await expect(engine.build(context)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { option: 'context' },
    })
    await expect(engine.build(context).check()).rejects.toBeInstanceOf(InboardError)
  })
})
