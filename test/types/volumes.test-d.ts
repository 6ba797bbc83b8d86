import type { Readable } from 'node:stream'
import { expectTypeOf, test } from 'vitest'
import {
  type CopiedFiles,
  Engine,
  type InboardError,
  type PrunedVolumes,
  type Volume,
  type VolumeBuilder,
  type VolumeDriver,
  type VolumeInspect,
  type VolumeList,
  type VolumeSummary,
} from '../../src/index.js'

declare const engine: Engine
declare const volume: Volume

test('a volume is made by awaiting a builder, each of whose options gives another one', () => {
  const builder = engine.volumes.create('data', {
    driver: 'local',
    driverOptions: { type: 'tmpfs' },
    labels: { a: 'b' },
  })
  expectTypeOf(builder.opt({ device: 'tmpfs' }).label({ c: 'd' }).driver('local')).toEqualTypeOf<VolumeBuilder>()
  expectTypeOf<Awaited<typeof builder>>().toEqualTypeOf<Volume>()
  expectTypeOf(engine.volumes.create()).toEqualTypeOf<VolumeBuilder>()
  // @ts-expect-error there is no such option
  engine.volumes.create('data', { size: '1g' })
})

test('volumes tell what they are', () => {
  expectTypeOf(engine.volumes.list({ filters: { dangling: true } })).resolves.toEqualTypeOf<VolumeList>()
  expectTypeOf<VolumeList>().toExtend<readonly VolumeSummary[]>()
  expectTypeOf<VolumeList['warnings']>().toEqualTypeOf<readonly InboardError[]>()
  expectTypeOf(engine.volumes.get('data')).resolves.toEqualTypeOf<Volume>()
  expectTypeOf(volume.inspect({ size: true })).resolves.toEqualTypeOf<VolumeInspect>()
  expectTypeOf(engine.volumes.prune({ all: true })).resolves.toEqualTypeOf<PrunedVolumes>()
  // @ts-expect-error whether a volume is dangling is true or false
  engine.volumes.list({ filters: { dangling: 'maybe' } })
})

test('their files come and go as streams, and by paths', () => {
  expectTypeOf(volume.export({ path: '/a', signal: AbortSignal.timeout(1) })).toEqualTypeOf<Readable>()
  expectTypeOf<Volume['import']>().toBeCallableWith('/backup.tar')
  expectTypeOf<Volume['import']>().toBeCallableWith(volume.export(), { path: '/a' })
  expectTypeOf(volume.copyTo('./seed/.', '/')).resolves.toEqualTypeOf<CopiedFiles>()
  expectTypeOf(volume.copyFrom('/file', '.', { archive: true })).resolves.toEqualTypeOf<CopiedFiles>()
})

test('a driver needs no more than what a volume lives by', () => {
  const driver: VolumeDriver = {
    create: async () => {},
    remove: async () => {},
    mount: async (name) => `/srv/${name}`,
    unmount: async () => {},
  }
  expectTypeOf(Engine.open).toBeCallableWith({ volumeDrivers: { srv: driver } })
  // @ts-expect-error a mount gives a path
  expectTypeOf(Engine.open).toBeCallableWith({ volumeDrivers: { srv: { ...driver, mount: async () => {} } } })
})
