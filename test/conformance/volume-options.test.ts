import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ContainerInspect, Engine, MountInput, RunOptions } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'
import { importHostile } from './support/oracle-image.js'
import { directory, file } from './support/tar.js'

/** What Docker's API was asked for. */
interface Asked {
  readonly image?: string
  readonly hostConfig: {
    readonly Binds?: readonly string[]
    readonly Mounts?: readonly DockerMount[]
    readonly Tmpfs?: Readonly<Record<string, string>>
    readonly VolumesFrom?: readonly string[]
    readonly VolumeDriver?: string
  }
  readonly config: { readonly Volumes?: Readonly<Record<string, object>> }
}

interface DockerMount {
  readonly Type?: string
  readonly Source?: string
  readonly Target?: string
  readonly ReadOnly?: boolean
  readonly BindOptions?: { readonly Propagation?: string; readonly NonRecursive?: boolean }
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean
    readonly Labels?: Readonly<Record<string, string>>
    readonly DriverConfig?: { readonly Name?: string; readonly Options?: Readonly<Record<string, string>> }
  }
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number }
}

interface Refusal {
  readonly status?: number
  readonly exit?: number
  readonly message?: string
  readonly start?: string
  /** What the command line says, where it is not what the daemon does. */
  readonly client?: Refusal
}

interface Told {
  readonly asked: Asked
  readonly Mounts: ContainerInspect['Mounts']
  readonly 'Config.Volumes': ContainerInspect['Config']['Volumes']
  readonly HostConfig: Readonly<Record<string, unknown>>
}

interface Facts {
  readonly refused: {
    readonly volume: Readonly<Record<string, Refusal>>
    readonly mount: readonly (Refusal & { readonly mount: DockerMount })[]
    readonly tmpfs: Readonly<Record<string, Refusal>>
    readonly volumesFrom: Readonly<Record<string, Refusal>>
    readonly together: Readonly<Record<string, Refusal & Asked>>
  }
  readonly inspect: Readonly<Record<string, Told>>
}

let host: TestEngine
let engine: Engine
let files: string
const volumeImage = 'volimg'
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
  files = await mkdtemp('/tmp/ib-mounted-')
  await mkdir(`${files}/dir`)
  await writeFile(`${files}/file`, 'x')
  const content = [directory('data'), file('data/f', 'hi\n'), directory('also')]
  await importHostile(engine, volumeImage, content, ['VOLUME /data', 'VOLUME ["/also/", "rel"]'])
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  await rm(files, { recursive: true, force: true })
})

const facts: Facts = JSON.parse(fact('volumes.json'))
const here = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll('<HOST>', files))

/** The same as options of ours. */
function optionsOf({ hostConfig, config }: Asked): RunOptions {
  const { Binds = [], Mounts = [], Tmpfs = {}, VolumesFrom = [], VolumeDriver = '' } = hostConfig
  return {
    volume: [...Binds, ...Object.keys(config.Volumes ?? {})],
    mount: Mounts.map(inputOf),
    tmpfs: Object.entries(Tmpfs).map(([target, options]) => ({ target, options })),
    volumesFrom: VolumesFrom,
    volumeDriver: VolumeDriver,
  }
}

function inputOf({
  Type,
  Source,
  Target,
  ReadOnly,
  BindOptions,
  VolumeOptions,
  TmpfsOptions,
}: DockerMount): MountInput {
  const given = {
    type: Type,
    source: Source,
    target: Target,
    readOnly: ReadOnly,
    propagation: BindOptions && (BindOptions.Propagation ?? 'rprivate'),
    recursive: BindOptions?.NonRecursive ? 'disabled' : undefined,
    volumeOptions: VolumeOptions && {
      noCopy: VolumeOptions.NoCopy,
      labels: VolumeOptions.Labels,
      driver: VolumeOptions.DriverConfig?.Name,
      driverOptions: VolumeOptions.DriverConfig?.Options,
    },
    tmpfsOptions: TmpfsOptions && { size: TmpfsOptions.SizeBytes, mode: TmpfsOptions.Mode },
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as unknown as MountInput
}

const create = (options: RunOptions, image = 'busybox') => engine.run(image, ['true'], options).create()

const refusalsOf = (facts: Readonly<Record<string, Refusal>>) =>
  Object.entries(facts).flatMap(([given, { client, message, start }]) => {
    const told = client?.message ?? message ?? /invalid tmpfs option \[.*\]/.exec(start ?? '')?.[0]
    return told === undefined ? [] : ([[given, told]] as const)
  })

describe('what cannot be mounted is refused in Docker’s words', () => {
  // Docker's words are about directories of its own there.
  const ofItsOwn = new Set(['aa:/etc/passwd', '<256 x>:/x'])
  test.each(refusalsOf(facts.refused.volume).filter(([spec]) => !ofItsOwn.has(spec)))(
    'volume %j',
    async (spec, message) => {
      await expect(create({ volume: [here(spec)] })).rejects.toThrow(here(message))
    },
  )

  const mounts = facts.refused.mount
    // An empty target is the command line's to refuse: 'target is required'.
    .filter(({ mount, message }) => message !== undefined && mount.Target && !message.includes('<ROOT>'))
    .map(({ mount, message }) => [mount, message] as const)
  test.each(mounts)('mount %j', async (mount, message) => {
    await expect(create({ mount: [inputOf(here(mount))] })).rejects.toThrow(here(message))
  })

  test.each(refusalsOf(facts.refused.tmpfs))('tmpfs %j', async (spec, message) => {
    await expect(create({ tmpfs: [spec] })).rejects.toThrow(message)
  })

  test.each(refusalsOf(facts.refused.volumesFrom))('volumesFrom %j', async (spec, message) => {
    const source = await create({ name: 'src', volume: ['aa:/aa'] })
    await expect(create({ name: 'me', volumesFrom: [spec] })).rejects.toThrow(message)
    await source.remove()
  })

  test.each(refusalsOf(facts.refused.together))('together: %s', async (name, message) => {
    await expect(create(here(optionsOf(facts.refused.together[name] as Asked)))).rejects.toThrow(message)
  })
})

describe('inspect tells of mounts what Docker’s does', () => {
  const told = Object.entries(facts.inspect).filter(([name]) => isComparable(name))
  const inspected = new Map<string, ContainerInspect>()
  beforeAll(async () => {
    for (const [name, { asked }] of told) {
      const options = {
        ...here(optionsOf(asked)),
        name: name.replaceAll(' ', '_').replaceAll(',', '.').replaceAll(':', '-'),
      }
      inspected.set(name, await (await create(options, asked.image)).inspect())
    }
  })

  test.each(told)('%s', (name, { Mounts, HostConfig, 'Config.Volumes': volumes }) => {
    const inspect = tidied(inspected.get(name) as ContainerInspect)
    expect(inspect.Mounts.toSorted(byDestination)).toEqual(Mounts.map(clean).toSorted(byDestination))
    expect(inspect.Config.Volumes).toEqual(volumes)
    expect(inspect.HostConfig).toMatchObject(withoutEmpty(HostConfig))
    expect(Object.keys(inspect.HostConfig)).toEqual(expect.arrayContaining(Object.keys(HostConfig)))
  })
})

/** Ours tells paths cleaned, also those that were asked for; and a tmpfs can be taken from another container. */
function isComparable(name: string): boolean {
  return !name.endsWith('not clean') && name !== 'from a mount of tmpfs'
}

/** Docker keeps what an image writes; ours tells where it is mounted. */
function clean<M extends { readonly Destination: string }>(mount: M): M {
  return { ...mount, Destination: `/${mount.Destination.replaceAll(/^\/|\/$/g, '')}` }
}

const byDestination = (a: { readonly Destination: string }, b: { readonly Destination: string }) =>
  a.Destination < b.Destination ? -1 : 1

/** `VolumeOptions: {}` and none are the same. */
function withoutEmpty(hostConfig: Told['HostConfig']): Told['HostConfig'] {
  return JSON.parse(JSON.stringify(hostConfig).replaceAll(/,"VolumeOptions":\{\}/g, ''))
}

function tidied(inspect: ContainerInspect): ContainerInspect {
  const text = JSON.stringify(inspect).replaceAll(files, '<HOST>').replaceAll(`${host.directory}/root`, '<ROOT>')
  return JSON.parse(text.replaceAll(/[0-9a-f]{64}/g, '<ID>'))
}
