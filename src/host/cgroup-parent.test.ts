import { fork } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { detectCgroups, ensureParent, type ParentKind, removeParent } from './index.js'

const layout = detectCgroups()
const unifiedOnly = layout.kind === 'v2'
let names = 0

/** A parent of a name of its own, removed when the test has ended. */
function parentName(): string {
  const name = `inboard-test-${process.pid}-${++names}`
  onTestFinished(() => removeParent(layout, name))
  return name
}

const directoryOf = (controller: string, name: string) =>
  `${layout.hierarchies.find(({ controllers }) => controllers.includes(controller))?.mountpoint}/${name}`

const left = (name: string) =>
  layout.hierarchies.flatMap(({ mountpoint }) => readdirSync(mountpoint).filter((entry) => entry.startsWith(name)))

/** Makes the parent and a child in another process. */
function ensureElsewhere(name: string, kind: ParentKind): Promise<number | null> {
  const program = `
    const { detectCgroups, ensureParent } = await import(process.argv[1])
    process.send('ready')
    await new Promise((go) => process.once('message', go))
    const { mkdirSync } = await import('node:fs')
    for (const { parent } of ensureParent(detectCgroups(), process.argv[2], process.argv[3]))
      mkdirSync(parent + '/child-' + process.pid)
    process.disconnect()`
  const child = fork('-', [], {
    execArgv: [
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      program,
      new URL('index.ts', import.meta.url).href,
      name,
      kind,
    ],
  })
  child.once('message', () => child.send('go'))
  return new Promise((resolve) => child.once('exit', resolve))
}

describe('ensureParent', () => {
  it('makes a directory in every hierarchy, and another call changes nothing', () => {
    const name = parentName()
    const parents = ensureParent(layout, name, 'default')
    expect(parents.map(({ parent }) => existsSync(parent))).toEqual(layout.hierarchies.map(() => true))
    expect(ensureParent(layout, name, 'default')).toEqual(parents)
    expect(left(name)).toEqual(layout.hierarchies.map(() => name))
  })

  it.skipIf(unifiedOnly)('gives every child a cpuset that processes can join', () => {
    const name = parentName()
    ensureParent(layout, name, 'default')
    const child = `${directoryOf('cpuset', name)}/child`
    mkdirSync(child)
    const read = (directory: string, file: string) => readFileSync(`${directory}/${file}`, 'utf8')
    expect(read(child, 'cpuset.cpus')).toBe(read(directoryOf('cpuset', ''), 'cpuset.cpus'))
    expect(read(child, 'cpuset.mems')).toBe(read(directoryOf('cpuset', ''), 'cpuset.mems'))
    rmdirSync(child)
  })

  it.skipIf(unifiedOnly)("gives every child Docker's device list, or with custom all devices", () => {
    const [byDefault, custom] = [parentName(), parentName()]
    ensureParent(layout, byDefault, 'default')
    ensureParent(layout, custom, 'custom')
    const child = `${directoryOf('devices', byDefault)}/child`
    mkdirSync(child)
    expect(readFileSync(`${child}/devices.list`, 'utf8').trim().split('\n').sort()).toEqual([
      'b *:* m',
      'c *:* m',
      'c 10:200 rwm',
      'c 136:* rwm',
      'c 1:3 rwm',
      'c 1:5 rwm',
      'c 1:7 rwm',
      'c 1:8 rwm',
      'c 1:9 rwm',
      'c 5:0 rwm',
      'c 5:1 rwm',
      'c 5:2 rwm',
    ])
    expect(readFileSync(`${directoryOf('devices', custom)}/devices.list`, 'utf8')).toBe('a *:* rwm\n')
    rmdirSync(child)
  })

  it('can be called by 8 processes at once', { timeout: 60_000 }, async () => {
    const name = parentName()
    const codes = await Promise.all(Array.from({ length: 8 }, () => ensureElsewhere(name, 'default')))
    expect(codes).toEqual(Array.from({ length: 8 }, () => 0))
    expect(left(name)).toEqual(layout.hierarchies.map(() => name))
    const children = layout.hierarchies.map(({ mountpoint }) => childrenOf(`${mountpoint}/${name}`))
    for (const directory of children.flat()) rmdirSync(directory)
    expect(children.map(({ length }) => length)).toEqual(layout.hierarchies.map(() => 8))
  })
})

const childrenOf = (parent: string) =>
  readdirSync(parent, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [`${parent}/${entry.name}`] : [],
  )

describe('removeParent', () => {
  it('removes every directory, and does not mind that there is none', () => {
    const name = parentName()
    ensureParent(layout, name, 'default')
    removeParent(layout, name)
    removeParent(layout, name)
    expect(left(name)).toEqual([])
  })

  it.skipIf(unifiedOnly)('removes what a killed process left half made, and nothing of a living one', () => {
    const name = parentName()
    const [dead, living] = ['4194304-0', `${process.ppid}-0`].map(
      (maker) => `${directoryOf('devices', name)}.new-${maker}`,
    )
    mkdirSync(dead as string)
    mkdirSync(living as string)
    removeParent(layout, name)
    rmdirSync(living as string)
    expect(existsSync(dead as string)).toBe(false)
  })

  it('keeps a directory that is in use', () => {
    const name = parentName()
    const [first] = ensureParent(layout, name, 'default')
    mkdirSync(`${first?.parent}/child`)
    removeParent(layout, name)
    expect(existsSync(`${first?.parent}/child`)).toBe(true)
    rmdirSync(`${first?.parent}/child`)
  })
})
