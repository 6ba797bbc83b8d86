import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ContainerContext } from '../../src/container/context.js'
import type { Stages } from '../../src/engine/assemble.js'
import { openCgroupParents } from '../../src/engine/cgroup-parents.js'
import { gatherHostFacts } from '../../src/engine/host-facts.js'
import { launchContainer } from '../../src/engine/launcher.js'
import { openNetworking } from '../../src/engine/open-networking.js'
import { openVolumeKeeper } from '../../src/engine/open-volumes.js'
import { normalizeEngineOptions } from '../../src/engine/options.js'
import { Owner } from '../../src/engine/owner.js'
import { preparePaths } from '../../src/engine/paths.js'
import { openJournal } from '../../src/events/journal.js'
import { openOutbox } from '../../src/events/outbox.js'
import { detectCgroups, native } from '../../src/host/index.js'
import { openImages } from '../../src/image/index.js'
import { dockerAddressPools } from '../../src/network/address-pools.js'
import { openSnapshots } from '../../src/snapshot/index.js'
import { normalizeOptions, type RunOptions } from '../../src/spec/index.js'
import { openBuildCacheStore } from '../../src/store/build-caches.js'
import { openContainerSnapshots } from '../../src/store/container-snapshots.js'
import { openContainers } from '../../src/store/containers.js'
import { openDatabase } from '../../src/store/database.js'
import { openEphemeral } from '../../src/store/ephemeral.js'
import { openReuses } from '../../src/store/reuses.js'
import { openWorkspaces } from '../../src/store/workspaces.js'
import { type TestEngine, testEngine } from '../support/engine.js'

// A hybrid host has a v2 hierarchy too: an engine that sees nothing else does what it does on a pure v2 host, but for limits.
const { unified } = detectCgroups()

let host: TestEngine
let stages: Stages
let context: ContainerContext
let close: () => void
beforeAll(async () => {
  host = await testEngine(['busybox'])
  const paths = preparePaths(host.engine.root, host.engine.runRoot)
  const database = openDatabase(paths.database)
  const snapshots = openSnapshots(`${paths.root}/snapshots`, {})
  const images = openImages({
    root: paths.root,
    database,
    snapshots,
    bootId: 'this boot',
    maxConcurrentDownloads: 3,
    maxConcurrentUploads: 5,
  })
  const journal = openJournal(paths.root)
  const outbox = openOutbox(database, journal)
  const layout = unified && { kind: 'v2' as const, hierarchies: [unified], unified }
  stages = {
    paths,
    images,
    snapshots,
    cgroups: openCgroupParents(`${paths.rootId}-v2`, () => '', layout),
    host: gatherHostFacts(),
    logDrivers: {},
    networking: openNetworking(paths, database, dockerAddressPools, outbox),
    volumes: openVolumeKeeper(
      paths,
      database,
      normalizeEngineOptions({}, {}),
      snapshots,
      outbox,
      new AbortController().signal,
    ),
    journal,
    outbox,
    buildCaches: openBuildCacheStore(database),
    workspaces: openWorkspaces(database),
    containerSnapshots: openContainerSnapshots(database),
    reuses: openReuses(database),
    ephemeral: openEphemeral(database),
    owner: new Owner({
      runRoot: paths.runRoot,
      store: openEphemeral(database),
      rootPlan: () => new Uint8Array(),
      loadRemoval: async () => {},
    }),
  }
  context = { containers: openContainers(database), runRoot: paths.runRoot } as ContainerContext
  close = () => {
    stages.cgroups.remove()
    stages.outbox.close()
    database.close()
  }
})
afterAll(async () => {
  close()
  await host[Symbol.asyncDispose]()
})

async function run(script: string, options: RunOptions = {}) {
  const id = randomBytes(32).toString('hex')
  const given = { envFiles: new Map(), processEnv: {}, host: stages.host }
  const config = normalizeOptions('busybox', ['sh', '-c', script], { rm: true, network: 'none', ...options }, given)
  const record = { id, name: 'v2', image: stages.images.resolve('busybox').id, reference: 'busybox', createdAtMs: 0 }
  const lock = native().makeLockedDirectory(`${stages.paths.runRoot}/${id}`)
  const { session, supervisorGone } = await launchContainer(
    stages,
    context,
    {
      ...record,
      phase: 'started',
      attempt: 1,
      bootId: '',
      config,
      mounts: [],
      isPrepared: true,
      outcome: undefined,
      isStopped: false,
    },
    lock,
    { attached: true, rows: 0, columns: 0 },
  )
  const chunks: Buffer[] = []
  session.listen({ onOutput: (_, chunk) => void chunks.push(chunk) })
  await session.exited
  await supervisorGone
  return Buffer.concat(chunks).toString()
}

const devices =
  'head -c 1 /dev/zero | wc -c; mknod /m c 1 11 && echo made; cat /m 2>&1 | head -c 40; mknod /b b 7 0; cat /b 2>&1 | head -c 40'

test.skipIf(!unified)('on cgroup v2 a program keeps containers from devices that are not theirs', async () => {
  expect(await run(devices)).toBe(
    "1\nmade\ncat: can't open '/m': Operation not permcat: can't open '/b': Operation not perm",
  )
})

test.skipIf(!unified)('on cgroup v2 a device that was given can be used', async () => {
  expect(await run(': < /dev/mine && echo opened', { device: ['/dev/fuse:/dev/mine:r'] })).toBe('opened\n')
  expect(await run('echo x > /dev/mine || echo refused', { device: ['/dev/fuse:/dev/mine:r'] })).toContain('refused')
})

test.skipIf(!unified)('on cgroup v2 a container sees its own cgroup alone, read-only', async () => {
  const output = await run(
    'cat /proc/self/cgroup | grep ^0; grep /sys/fs/cgroup /proc/mounts; mkdir /sys/fs/cgroup/x 2>&1 || echo refused',
  )
  expect(output).toMatch(/^0::\/\ncgroup \/sys\/fs\/cgroup cgroup2 ro,nosuid,nodev,noexec,relatime.*\n.*refused\n$/s)
})
