import type { LookupFunction, Socket } from 'node:net'
import { expectTypeOf, test } from 'vitest'
import type { Container, Engine, PublishedPorts, RunBuilder, RunOutput, WaitTarget } from '../../src/index.js'
import { port } from '../../src/wait/index.js'

declare const engine: Engine

test('every option of run gives a builder again', () => {
  expectTypeOf(engine.run('busybox').name('a').network('none').env({ A: 1 }).rm()).toEqualTypeOf<RunBuilder>()
})

test('what makes it ready are strategies, or functions', () => {
  const own = async ({ container, signal }: WaitTarget) =>
    (await container.exec(['true']).signal(signal)).exitCode === 0
  expectTypeOf(
    engine
      .run('db')
      .waitFor(port(5432), own, () => true)
      .waitTimeout(1000),
  ).toEqualTypeOf<RunBuilder>()
  // @ts-expect-error
  engine.run('db').waitFor('healthy')
  expectTypeOf<Container['connect']>().returns.resolves.toEqualTypeOf<Socket>()
  expectTypeOf<Container['lookup']>().toEqualTypeOf<LookupFunction>()
})

test('ports, links and addresses are given as Docker’s strings or as objects', () => {
  const run = engine.run('busybox').publishAll().ip('10.0.0.5').ip6('fd00::5').macAddress('02:42:ac:11:00:02')
  expectTypeOf(
    run
      .network('mine')
      .networkAlias('db', 'pg')
      .publish('8080:80', 80, { port: '53-54', hostPort: 53, hostAddress: '::1', protocol: 'udp' })
      .expose(80, '90/udp')
      .link('db:pg', { container: 'cache', alias: 'redis' }),
  ).toEqualTypeOf<RunBuilder>()
  // @ts-expect-error
  engine.run('busybox').publish({ hostPort: 80 })
  // @ts-expect-error
  engine.run('busybox').publish({ port: 80, protocol: 'icmp' })
})

test('mounts are given as Docker’s strings or as objects that have the fields of their type', () => {
  expectTypeOf(
    engine
      .run('busybox')
      .volume('/anon', 'named:/data:ro')
      .volumesFrom('db', 'web:ro')
      .volumeDriver('local')
      .tmpfs('/t', 'size=1m')
      .mount(
        {
          type: 'volume',
          target: '/v',
          volumeOptions: { noCopy: true, driverOptions: { type: 'tmpfs' }, subpath: 'x' },
        },
        { type: 'bind', source: '/s', target: '/b', readOnly: true, recursive: 'readonly' },
        { type: 'image', source: 'busybox', target: '/i', imageOptions: { subpath: 'bin' } },
      ),
  ).toEqualTypeOf<RunBuilder>()
  // @ts-expect-error
  engine.run('busybox').mount({ type: 'bind', target: '/b' })
  // @ts-expect-error
  engine.run('busybox').mount({ type: 'tmpfs', source: '/s', target: '/t' })
  // @ts-expect-error
  engine.run('busybox').mount({ type: 'volume', target: '/v', recursive: 'disabled' })
})

test('a container tells its ports', () => {
  expectTypeOf<Awaited<ReturnType<Container['ports']>>>().toEqualTypeOf<PublishedPorts>()
  expectTypeOf<Awaited<ReturnType<Container['port']>>>().toEqualTypeOf<string[]>()
})

test('awaiting a builder gives the container', () => {
  expectTypeOf<Awaited<RunBuilder>>().toEqualTypeOf<Container>()
})

test('output gives text and a code', () => {
  expectTypeOf<Awaited<ReturnType<RunBuilder['output']>>>().toEqualTypeOf<RunOutput>()
  expectTypeOf<RunOutput['exitCode']>().toEqualTypeOf<number>()
  expectTypeOf<RunOutput['stdout']>().toEqualTypeOf<string>()
})

test('an option that is not Docker’s is refused', () => {
  // @ts-expect-error
  engine.run('busybox').nmae('a')
  // @ts-expect-error
  engine.run('busybox', 'true')
})
