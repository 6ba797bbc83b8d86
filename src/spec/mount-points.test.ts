import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MountPoint, VolumePoint } from './mount-point.js'
import { isHiding, type MountPointsInput, maxMounts, resolveMountPoints } from './mount-points.js'
import { parseMounts } from './mounts.js'
import type { RunOptions } from './options.js'
import { parseVolumesFrom } from './volumes-from.js'

interface Given {
  readonly imageVolumes?: readonly string[]
  readonly from?: Readonly<Record<string, readonly MountPoint[]>>
  /** Of volumes that are there. */
  readonly drivers?: Readonly<Record<string, string>>
}

function resolve(raw: RunOptions, { imageVolumes = [], from = {}, drivers = {} }: Given = {}): MountPoint[] {
  let made = 0
  const input: MountPointsInput = {
    config: { mounts: parseMounts(raw), volumesFrom: raw.volumesFrom ?? [], volumeDriver: raw.volumeDriver ?? '' },
    imageVolumes,
    from: new Map(Object.entries(from)),
    newName: () => `new${++made}`,
    driverOf: (name) => drivers[name],
    imageId: (reference) => `sha256:${reference}`,
  }
  return resolveMountPoints(input)
}

/** Each as `/place type what words`. */
const texts = (points: readonly MountPoint[]) => points.map(text)

function text(point: MountPoint): string {
  const { destination, type, mode, readOnly } = point
  const words = [mode && `mode=${mode}`, readOnly && 'read-only', ...(type === 'volume' ? volumeWords(point) : [])]
  return [destination, type, whatOf(point), ...words.filter(Boolean)].join(' ')
}

const volumeWords = ({ isAnonymous, isCopied }: VolumePoint) => [isAnonymous && 'anonymous', isCopied && 'copied']

function whatOf(point: MountPoint): string {
  switch (point.type) {
    case 'volume':
      return point.volume
    case 'bind':
      return point.source
    case 'image':
      return point.image
    case 'tmpfs':
      return point.syntax
  }
}

test('what was asked for is mounted as it was, and anonymous volumes get names', () => {
  const points = resolve({
    volume: ['/anon', 'aa:/a', 'bb:/b:ro', 'cc:/c:nocopy,Z', '/host:/h:ro,rslave'],
    mount: [
      { type: 'volume', target: '/m' },
      { type: 'volume', source: 'dd', target: '/d', readOnly: true, volumeOptions: { noCopy: true } },
      { type: 'image', source: 'busybox', target: '/i' },
      { type: 'tmpfs', target: '/t' },
    ],
    tmpfs: ['/u'],
  })
  expect(texts(points)).toEqual([
    '/a volume aa mode=z copied',
    '/b volume bb mode=ro read-only copied',
    '/c volume cc mode=nocopy,Z',
    '/h bind /host mode=ro,rslave read-only',
    '/m volume new1 mode=z anonymous copied',
    '/d volume dd mode=z read-only',
    '/i image sha256:busybox read-only',
    '/t tmpfs mount',
    '/anon volume new2 anonymous copied',
    '/u tmpfs tmpfs',
  ])
})

test('volumes of the image are made where nothing is yet; a relative path counts from the root', () => {
  const imageVolumes = ['/a', '/b/', '/c', '/t', '/n/../x', 'rel', '/x']
  const points = resolve({ volume: ['aa:/a', '/host:/b', '/c'], tmpfs: ['/t'] }, { imageVolumes })
  expect(texts(points)).toEqual([
    '/a volume aa mode=z copied',
    '/b bind /host',
    '/c volume new1 anonymous copied',
    '/x volume new2 anonymous copied',
    '/rel volume new3 anonymous copied',
    '/t tmpfs tmpfs',
  ])
})

test.each(['/', '..', '/proc', '/proc/self'])('an image that wants a volume at %s is refused', (place) => {
  expect(() => resolve({}, { imageVolumes: [place] })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
})

test('the volume driver is for what -v and the image make, and leaves the mode alone', () => {
  const raw: RunOptions = {
    volumeDriver: 'mine',
    volume: ['/anon', 'aa:/a', '/host:/h'],
    mount: [
      { type: 'volume', source: 'bb', target: '/b' },
      { type: 'volume', source: 'cc', target: '/c', volumeOptions: { driver: 'yours' } },
    ],
  }
  const points = resolve(raw, { imageVolumes: ['/i'] })
  const drivers = points.flatMap((point) =>
    point.type === 'volume' ? [[point.destination, point.driver, point.mode]] : [],
  )
  expect(drivers).toEqual([
    ['/a', 'mine', ''],
    ['/b', 'local', 'z'],
    ['/c', 'yours', ''],
    ['/anon', 'mine', ''],
    ['/i', 'mine', ''],
  ])
})

test('a volume that is there keeps its driver, unless another one is asked for', () => {
  const drivers = { aa: 'mine' }
  const [mine] = resolve({ volume: ['aa:/a'] }, { drivers })
  expect(mine).toMatchObject({ driver: 'mine', mode: '' })
  const [yours] = resolve({ volume: ['aa:/a'], volumeDriver: 'yours' }, { drivers })
  expect(yours).toMatchObject({ driver: 'yours' })
})

const db = resolve(
  {
    volume: ['/anon', 'aa:/a', 'bb:/b:ro', '/host:/h:rslave'],
    mount: [
      { type: 'bind', source: '/must/be', target: '/e', readOnly: true, recursive: 'writable' },
      { type: 'tmpfs', target: '/t' },
    ],
    tmpfs: ['/u'],
  },
  { imageVolumes: ['/i'] },
)

test('the volumes of others come as they are there, are not filled, and stay theirs', () => {
  const points = resolve({ volumesFrom: ['db'] }, { from: { db }, imageVolumes: ['/i', '/j'] })
  expect(texts(points)).toEqual([
    '/a volume aa',
    '/b volume bb read-only',
    '/h bind /host',
    '/e bind /must/be read-only',
    '/t tmpfs mount',
    '/anon volume new1 anonymous',
    '/i volume new2 anonymous',
    '/j volume new1 anonymous copied',
  ])
  expect(points).toContainEqual(expect.objectContaining({ destination: '/h', propagation: 'rslave' }))
  expect(points).toContainEqual(
    expect.objectContaining({ destination: '/e', recursive: 'writable', createSource: true }),
  )
  const taken = points.filter((point) => point.type === 'volume' && point.isTaken).map(({ destination }) => destination)
  expect(taken).toEqual(['/a', '/b', '/anon', '/i'])
})

test('read-only they stay so in a chain, and nothing makes them writable again', () => {
  const reader = resolve({ volumesFrom: ['db:ro'], volume: ['cc:/c'] }, { from: { db } })
  expect(reader.filter(({ readOnly }) => !readOnly).map(({ destination }) => destination)).toEqual(['/c'])
  const next = resolve({ volumesFrom: ['reader:rw'] }, { from: { reader } })
  expect(next.filter(({ readOnly }) => !readOnly).map(({ destination }) => destination)).toEqual(['/c'])
})

test('a tmpfs of another is one of the reader’s own, read-only where asked', () => {
  const points = resolve({ volumesFrom: ['db:ro'] }, { from: { db } })
  const options = ['noexec', 'nosuid', 'nodev', 'rprivate', 'ro']
  expect(points).toContainEqual({
    type: 'tmpfs',
    syntax: 'mount',
    destination: '/t',
    mode: '',
    readOnly: true,
    options,
  })
})

test('of several the later one counts, and what is asked for itself before all of them', () => {
  const other = resolve({ volume: ['zz:/a', 'yy:/y'] })
  const from = { db, other }
  const volumeAt = (raw: RunOptions) => resolve(raw, { from }).find(({ destination }) => destination === '/a')
  expect(volumeAt({ volumesFrom: ['db', 'other'] })).toMatchObject({ volume: 'zz' })
  expect(volumeAt({ volumesFrom: ['other', 'db'] })).toMatchObject({ volume: 'aa' })
  expect(volumeAt({ volumesFrom: ['other', 'db'], volume: ['own:/a'] })).toMatchObject({
    volume: 'own',
    isTaken: false,
  })
  expect(volumeAt({ volumesFrom: ['db'], volume: ['/a'] })).toMatchObject({ volume: 'aa' })
})

test('tmpfs hides what is taken or mounted, which stays recorded', () => {
  const points = resolve({ volumesFrom: ['db'], tmpfs: ['/a'] }, { from: { db } })
  const there = points.filter(({ destination }) => destination === '/a')
  expect(texts(there)).toEqual(['/a volume aa', '/a tmpfs tmpfs'])
})

const place = fc.constantFrom('/a', '/a/b', '/c', '/d')
const volumeText = fc.oneof(
  place,
  fc
    .tuple(fc.constantFrom('vv', 'ww', '/h'), place, fc.constantFrom('', ':ro'))
    .map(([source, at, mode]) => `${source}:${at}${mode}`),
)
const volumes = fc.uniqueArray(volumeText, { selector: (one) => one.split(':').find((part) => /^\/[acd]/.test(part)) })

test('a container has at most so many mounts as the supervisor can open', () => {
  const places = Array.from({ length: maxMounts + 1 }, (_, at) => `/m/${at}`)
  expect(resolve({ volume: places.slice(1) })).toHaveLength(maxMounts)
  expect(() => resolve({ volume: places.slice(1) }, { imageVolumes: places })).toThrow(
    'too many mounts: 1001: a container has at most 1000, with the volumes of its image',
  )
})

test('whatever comes together, each place has one thing, and the right one', () => {
  fc.assert(
    fc.property(
      volumes,
      volumes,
      fc.array(place),
      fc.constantFrom('other', 'other:ro'),
      (own, others, imageVolumes, entry) => {
        const other = resolve({ volume: others })
        const points = resolve({ volume: own, volumesFrom: [entry] }, { from: { other }, imageVolumes })
        const at = new Map(points.map((point) => [point.destination, point]))
        expect(at.size).toBe(points.length)
        expect(new Set(points.filter(isHiding))).toEqual(new Set())
        for (const wanted of imageVolumes) expect(at.has(wanted)).toBe(true)
        for (const point of resolve({ volume: own.filter((one) => one.includes(':')) }))
          expect(at.get(point.destination)).toEqual(point)
        const { readOnly } = parseVolumesFrom(entry)
        const asked = new Set(own.filter((one) => one.includes(':')).map((one) => one.split(':')[1]))
        for (const point of other.filter(({ destination }) => !asked.has(destination)))
          expect(at.get(point.destination)).toMatchObject({ mode: '', readOnly: readOnly || point.readOnly })
      },
    ),
    { numRuns: 300 },
  )
})
