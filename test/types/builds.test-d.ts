import { expectTypeOf, test } from 'vitest'
import type {
  Autobuild,
  AutobuildEvent,
  BuildBuilder,
  BuildEvent,
  BuildOptions,
  BuildOutput,
  CheckResult,
  Engine,
  Image,
} from '../../src/index.js'

declare const engine: Engine
declare const options: BuildOptions
declare const platforms: readonly string[]

test('a build is awaited for its image', () => {
  expectTypeOf<Awaited<ReturnType<typeof build>>>().toEqualTypeOf<Image>()
  const build = () => engine.build('.').tag('a', 'b').buildArg('A', '1').platform('linux/arm64').label('x')
  expectTypeOf(engine.build()).toEqualTypeOf<BuildBuilder<Image>>()
  expectTypeOf(engine.build('.', { tag: ['a'], platform: 'linux/arm64' })).toEqualTypeOf<BuildBuilder<Image>>()
})

test('several platforms are several images, whichever way they are given', () => {
  expectTypeOf(engine.build('.').platform('linux/amd64', 'linux/arm64')).toEqualTypeOf<BuildBuilder<readonly Image[]>>()
  expectTypeOf(engine.build('.').platform(platforms).tag('a')).toEqualTypeOf<BuildBuilder<readonly Image[]>>()
  expectTypeOf(engine.build('.', { platform: ['linux/amd64'] })).toEqualTypeOf<BuildBuilder<readonly Image[]>>()
  expectTypeOf(engine.build('.').platform(platforms).platform('linux/amd64')).toEqualTypeOf<BuildBuilder<Image>>()
  // @ts-expect-error how many they are decides on what is awaited
  engine.build('.').platform(...platforms)
})

test('an output is awaited instead of images', () => {
  const output = { type: 'local', dest: 'out' } as const
  expectTypeOf(engine.build('.').output(output)).toEqualTypeOf<BuildBuilder<BuildOutput>>()
  expectTypeOf(engine.build('.', { output })).toEqualTypeOf<BuildBuilder<BuildOutput>>()
  expectTypeOf(engine.build('.').platform('a', 'b').output(output).tag('x')).toEqualTypeOf<BuildBuilder<BuildOutput>>()
  expectTypeOf(engine.build('.').output(output).platform('a', 'b')).toEqualTypeOf<BuildBuilder<BuildOutput>>()
  // @ts-expect-error a directory is no stream
  engine.build('.').output({ type: 'local', dest: process.stdout })
})

test('options that are not known before may come to any of them', () => {
  expectTypeOf(engine.build('.', options)).toEqualTypeOf<
    BuildBuilder<BuildOutput> | BuildBuilder<readonly Image[]> | BuildBuilder<Image>
  >()
  // @ts-expect-error
  engine.build('.', { buildArgs: { a: 'b' } })
  // @ts-expect-error
  engine.build('.').allow('network.none')
})

test('events are told apart by their kind', async () => {
  for await (const event of engine.build('.')) {
    expectTypeOf(event).toEqualTypeOf<BuildEvent>()
    if (event.kind === 'log') expectTypeOf(event.data).toEqualTypeOf<Buffer>()
    if (event.kind === 'step' && event.status === 'done') expectTypeOf(event.durationMs).toEqualTypeOf<number>()
    if (event.kind === 'warning') expectTypeOf(event.finding.lines.first).toEqualTypeOf<number>()
  }
  expectTypeOf(engine.build('.').check()).resolves.toEqualTypeOf<CheckResult>()
})

test('automated builds have events of their own', async () => {
  const builds = engine.autobuild({ git: 'https://x/y.git', image: (commit) => `app:${commit}` })
  expectTypeOf(builds).toEqualTypeOf<Autobuild>()
  for await (const event of builds) {
    expectTypeOf(event).toEqualTypeOf<AutobuildEvent>()
    if (event.kind === 'built') expectTypeOf(event.image).toEqualTypeOf<Image>()
    if (event.kind === 'failed') expectTypeOf(event.commit).toEqualTypeOf<string | undefined>()
  }
  // @ts-expect-error where the result goes is what it is about
  engine.autobuild({ git: 'x', image: 'y', options: { output: { type: 'tar', dest: 'z' } } })
})
