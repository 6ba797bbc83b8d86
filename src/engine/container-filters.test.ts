import { expect, test } from 'vitest'
import { NotFoundError } from '../errors/index.js'
import {
  type Candidate,
  type ContainerFilters,
  containerFilter,
  isUp,
  type PruneContainersFilters,
  pruneFilter,
} from './container-filters.js'

const summary: Candidate['summary'] = {
  id: 'abc1',
  name: 'web',
  names: ['web', 'front/backend'],
  image: 'app:1',
  imageId: 'sha256:aa',
  command: 'serve',
  createdAt: new Date('2026-11-21T05:00:00Z'),
  state: 'running',
  status: 'Up 5 minutes',
  health: 'starting',
  exitCode: undefined,
  labels: { stage: 'ci', owner: 'me' },
  networkMode: 'bridge',
  endpoints: [],
  networks: ['net'],
  ports: [],
  mounts: [
    { type: 'volume', name: 'data', source: '/root/data', destination: '/data', driver: 'local', ...writable() },
    { type: 'bind', name: undefined, source: '/host', destination: '/b', driver: undefined, ...writable() },
  ],
}

function writable() {
  return { mode: '', readOnly: false, propagation: '' }
}

const candidate = (changes: Partial<Candidate['summary']> = {}): Candidate => ({
  summary: { ...summary, ...changes },
  exposedPorts: ['80/tcp', '53/udp'],
  publishedPorts: ['80/tcp'],
  networkIds: ['feed01'],
  hasStarted: true,
})

const ids = ['new0', 'abc1', 'abd2', 'old9']
const context = {
  ids,
  idOf(container: string) {
    if (ids.includes(container)) return container
    throw new NotFoundError(`No such container: ${container}`, { code: 'CONTAINER_NOT_FOUND' })
  },
  descendants: (image: string) => (image === 'app' ? ['sha256:a0', 'sha256:aa'] : []),
}

const fits = (filters: ContainerFilters, one = candidate()) => containerFilter(filters, context)(one)

// biome-ignore format: a table
test.each<[ContainerFilters, boolean]>([
  [{}, true],
  [{ status: 'running' }, true], [{ status: ['exited', 'dead'] }, false],
  [{ name: 'we' }, true], [{ name: '^/front/' }, true], [{ name: ['nope', 'backend$'] }, true], [{ name: '^b' }, false], [{ name: '[' }, false],
  [{ id: 'abc' }, true], [{ id: 'ab' }, false], [{ id: 'abd' }, false],
  [{ label: 'stage' }, true], [{ label: ['stage=ci', 'owner=you'] }, false],
  [{ ancestor: 'app' }, true], [{ ancestor: ['nope', 'app'] }, true], [{ ancestor: 'nope' }, false],
  [{ before: 'new0' }, true], [{ before: 'abc1' }, false], [{ before: 'old9' }, false],
  [{ since: 'old9' }, true], [{ since: 'abc1' }, false], [{ since: 'new0' }, false],
  [{ volume: 'data' }, true], [{ volume: '/data' }, true], [{ volume: '/root/data' }, false], [{ volume: '/host' }, true],
  [{ network: 'net' }, true], [{ network: 'feed' }, true], [{ network: 'ne' }, false],
  [{ publish: 80 }, true], [{ publish: '80/udp' }, false], [{ publish: 53 }, false], [{ publish: '70-90' }, true], [{ publish: ['1', '80/tcp'] }, true],
  [{ expose: '53/udp' }, true], [{ expose: '50-60' }, false],
  [{ health: ['healthy', 'starting'] }, true], [{ health: 'none' }, false],
  [{ isTask: false }, true], [{ isTask: true }, false],
  [{ status: 'running', name: 'nope' }, false],
])('%j fits: %j', (filters, expected) => {
  expect(fits(filters)).toBe(expected)
})

test('an exit code is told of what has ended only', () => {
  const ended = candidate({ state: 'exited', exitCode: 3 })
  expect(fits({ exited: [1, 3] }, ended)).toBe(true)
  expect(fits({ exited: 0 }, ended)).toBe(false)
  expect(fits({ exited: 0 })).toBe(false)
  expect(fits({ exited: 0 }, { ...candidate({ state: 'created' }), hasStarted: false })).toBe(false)
})

// biome-ignore format: a table
test.each<[object, string]>([
  [{ status: 'up' }, "Invalid filter 'status=up'"],
  [{ health: 'well' }, 'Unrecognised filter value for health: well'],
  [{ exited: 1.5 }, "invalid filter 'exited=1.5'"],
  [{ publish: 'a-b' }, 'error while looking up for publish a-b: strconv.ParseUint: parsing "a": invalid syntax'],
  [{ publish: '1-' }, 'error while looking up for publish 1-: strconv.ParseUint: parsing "": invalid syntax'],
  [{ isTask: 1 }, "Invalid filter 'is-task=[1]'"],
  [{ until: '1h' }, "Invalid filter 'until'"],
])('%j is refused: %s', (filters, message) => {
  expect(() => fits(filters)).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
  )
})

test('a container that there is not bounds nothing', () => {
  expect(() => fits({ since: 'nope' })).toThrow('No such container: nope')
})

// biome-ignore format: a table
test.each<[PruneContainersFilters, boolean]>([
  [{}, true],
  [{ label: 'stage=ci' }, true], [{ label: ['stage', 'nope'] }, false],
  [{ withoutLabel: 'owner=you' }, true], [{ withoutLabel: ['nope', 'owner'] }, false],
  [{ until: new Date('2026-11-21T06:00:00Z') }, true], [{ until: '2026-11-21T04:59:59Z' }, false],
])('of prunes, %j fits: %j', (filters, expected) => {
  expect(pruneFilter(filters)(summary)).toBe(expected)
})

test('what stands still or is to be started again is up', () => {
  expect((['paused', 'restarting', 'running'] as const).every((state) => isUp({ state }))).toBe(true)
  expect((['created', 'exited', 'dead', 'removing'] as const).some((state) => isUp({ state }))).toBe(false)
})
