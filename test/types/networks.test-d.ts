import { expectTypeOf, test } from 'vitest'
import type { Container, Engine, Network, NetworkBuilder, NetworkInspect, NetworkSummary } from '../../src/index.js'

declare const engine: Engine
declare const container: Container

test('a network is made by awaiting a builder, each of whose options gives another one', () => {
  const builder = engine.networks.create('net', { driver: 'bridge', label: { a: 'b' } })
  expectTypeOf(builder.subnet('10.0.0.0/24').ipv6().option({ parent: 'eth0' })).toEqualTypeOf<NetworkBuilder>()
  expectTypeOf<Awaited<typeof builder>>().toEqualTypeOf<Network>()
  // @ts-expect-error options have Docker's names
  engine.networks.create('net', { subnets: ['10.0.0.0/24'] })
})

test('networks tell what they are', () => {
  expectTypeOf(engine.networks.list({ filters: { dangling: true } })).resolves.toEqualTypeOf<
    readonly NetworkSummary[]
  >()
  expectTypeOf(engine.networks.get('bridge')).resolves.toEqualTypeOf<Network>()
  expectTypeOf<Network['inspect']>().returns.resolves.toEqualTypeOf<NetworkInspect>()
  expectTypeOf(engine.networks.prune()).resolves.toEqualTypeOf<readonly string[]>()
})

test('containers are connected by handle or name', () => {
  expectTypeOf<Network['connect']>().toBeCallableWith(container, {
    ip: '10.0.0.9',
    alias: ['www'],
    link: 'db:database',
  })
  expectTypeOf<Network['connect']>().toBeCallableWith('web', { alias: 'www', signal: AbortSignal.timeout(1) })
  expectTypeOf<Network['disconnect']>().toBeCallableWith('web', { force: true })
})
