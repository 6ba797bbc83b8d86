import { expect, test } from 'vitest'
import { resolveMountPoints } from '../spec/index.js'
import { normalizeOptions } from '../spec/normalize.js'
import type { RunOptions } from '../spec/options.js'
import { inspectMountOptions } from './inspect-mount-options.js'
import { inspectMounts, inspectVolumes } from './inspect-mounts.js'

const context = { envFiles: new Map(), processEnv: {}, host: { cpus: 2 } }
const configOf = (raw: RunOptions) => normalizeOptions('i', [], raw, context)

function mountsOf(raw: RunOptions) {
  const names = { newName: () => 'new', imageId: () => 'sha256:1' }
  const points = resolveMountPoints({ config: configOf(raw), imageVolumes: [], from: new Map(), ...names })
  return inspectMounts(points, ({ volume }) => `/volumes/${volume}/_data`)
}

test('mounts are told with what each type has', () => {
  const mount: RunOptions['mount'] = [
    { type: 'image', source: 'busybox', target: '/i' },
    { type: 'tmpfs', target: '/t', readOnly: true },
  ]
  expect(mountsOf({ volume: ['aa:/a:ro', '/host:/h:rslave'], mount, tmpfs: ['/u'] })).toEqual([
    {
      Type: 'volume',
      Name: 'aa',
      Source: '/volumes/aa/_data',
      Destination: '/a',
      Driver: 'local',
      Mode: 'ro',
      RW: false,
      Propagation: '',
    },
    { Type: 'bind', Source: '/host', Destination: '/h', Mode: 'rslave', RW: true, Propagation: 'rslave' },
    { Type: 'image', Source: 'busybox', Destination: '/i', Mode: '', RW: false, Propagation: '' },
    { Type: 'tmpfs', Source: '', Destination: '/t', Mode: '', RW: false, Propagation: '' },
  ])
})

test('a long form has the fields that were given, and no others', () => {
  const mount: RunOptions['mount'] = [
    { type: 'volume', target: '/a' },
    { type: 'volume', source: 'aa', target: '/b', readOnly: true, volumeOptions: { noCopy: true, subpath: 'x' } },
    {
      type: 'volume',
      source: 'bb',
      target: '/c',
      volumeOptions: { driver: 'd', driverOptions: { o: '1' }, labels: { l: '' } },
    },
    { type: 'bind', source: '/h', target: '/d' },
    { type: 'bind', source: '/h', target: '/e', propagation: 'rslave', recursive: 'disabled' },
    { type: 'bind', source: '/h', target: '/f', readOnly: true, recursive: 'writable' },
    { type: 'bind', source: '/h', target: '/g', readOnly: true, recursive: 'readonly' },
    { type: 'image', source: 'i', target: '/i', imageOptions: { subpath: 'bin' } },
    { type: 'tmpfs', target: '/t' },
    { type: 'tmpfs', target: '/u', readOnly: true, tmpfsOptions: { size: '1m', mode: 0o1777 } },
  ]
  expect(inspectMountOptions(configOf({ mount }))).toEqual({
    Binds: null,
    VolumeDriver: '',
    VolumesFrom: null,
    Mounts: [
      { Type: 'volume', Target: '/a' },
      { Type: 'volume', Source: 'aa', Target: '/b', ReadOnly: true, VolumeOptions: { NoCopy: true, Subpath: 'x' } },
      {
        Type: 'volume',
        Source: 'bb',
        Target: '/c',
        VolumeOptions: { Labels: { l: '' }, DriverConfig: { Name: 'd', Options: { o: '1' } } },
      },
      { Type: 'bind', Source: '/h', Target: '/d' },
      { Type: 'bind', Source: '/h', Target: '/e', BindOptions: { Propagation: 'rslave', NonRecursive: true } },
      { Type: 'bind', Source: '/h', Target: '/f', ReadOnly: true, BindOptions: { ReadOnlyNonRecursive: true } },
      { Type: 'bind', Source: '/h', Target: '/g', ReadOnly: true, BindOptions: { ReadOnlyForceRecursive: true } },
      { Type: 'image', Source: 'i', Target: '/i', ImageOptions: { Subpath: 'bin' } },
      { Type: 'tmpfs', Target: '/t' },
      { Type: 'tmpfs', Target: '/u', ReadOnly: true, TmpfsOptions: { SizeBytes: 1_048_576, Mode: 0o1777 } },
    ],
  })
})

test('short forms are told as they were given; anonymous volumes are with the image’s', () => {
  const raw = { volume: ['/a', 'aa:/b:ro,z', '/h/../x:/c/'], tmpfs: ['/t:size=1m,ro', '/u'], volumesFrom: ['c:ro'] }
  expect(inspectMountOptions(configOf({ ...raw, volumeDriver: 'd' }))).toEqual({
    Binds: ['aa:/b:ro,z', '/x:/c'],
    Tmpfs: { '/t': 'size=1m,ro', '/u': '' },
    VolumeDriver: 'd',
    VolumesFrom: ['c:ro'],
  })
  const { mounts } = configOf(raw)
  expect(inspectVolumes(mounts, { Volumes: { '/i': {} } })).toEqual({ '/a': {}, '/i': {} })
  expect(inspectVolumes([], { Volumes: null })).toBeNull()
})
