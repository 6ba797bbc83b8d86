import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { native } from '../../src/host/index.js'
import { encodeFrame, PlanWriter } from '../../src/launch/protocol.gen.js'
import { compileContainerUndo, compileKeeper } from '../../src/launch/undo-plan.js'
import { Bench, buildTestPrograms, plainSupervisor, sanitizedSupervisor, supervise } from './driver.js'
import { start } from './start.js'

let bench: Bench
let count = 0

beforeAll(() => {
  buildTestPrograms()
  bench = new Bench()
})
afterAll(() => bench.dispose())

/** A keeper, with a directory of its own, and one for what it is to undo. */
async function keeper(executable: string) {
  const directory = join(bench.directory, `owner${count++}`)
  const place = `${directory}-place`
  mkdirSync(place)
  const started = supervise(executable, compileKeeper(directory, bench.directory), bench.directory)
  await started.status.next('started')
  const put = (name: string, write: (plan: PlanWriter) => void) => {
    const plan = new PlanWriter()
    write(plan)
    writeFileSync(join(directory, 'undo', name), plan.finish({ mode: 'task' }))
  }
  return {
    directory,
    place,
    put,
    putTeardown: (name: string, write: (plan: PlanWriter) => void) =>
      put(name, (plan) => {
        plan.section('teardown')
        write(plan)
      }),
    async end() {
      started.status.socket.destroy()
      return started.ended
    },
  }
}

const file = (path: string) => {
  writeFileSync(path, 'text of it\n')
  return path
}

describe.each([
  ['release', plainSupervisor],
  ['sanitized', sanitizedSupervisor],
])('the %s keeper', (_build, executable) => {
  it('executes all plans when the connection has ended, and removes its directory', async () => {
    const { directory, place, put, putTeardown, end } = await keeper(executable)
    const [one, two] = [file(`${place}/one`), file(`${place}/two`)]
    putTeardown('1-a', (plan) => plan.removeFile({ path: one }))
    putTeardown('3-b', (plan) => plan.removeTree({ path: two }))
    put('1-c', (plan) => {
      plan.section('ending')
      plan.tell({ path: `${place}/nowhere`, frame: new Uint8Array(8) })
    })
    expect(existsSync(one)).toBe(true)
    expect(await end()).toBe(0)
    expect(readdirSync(place)).toEqual([])
    expect(existsSync(directory)).toBe(false)
  })

  it('passes over what is no plan, and what is none of its turns', async () => {
    const { directory, place, putTeardown, end } = await keeper(executable)
    const [one, two, last] = [file(`${place}/one`), file(`${place}/two`), file(`${place}/last`)]
    putTeardown('2-whole', (plan) => plan.removeFile({ path: one }))
    const whole = readFileSync(`${directory}/undo/2-whole`)
    for (const length of [0, 7, 31, 32, 40, whole.length - 8])
      writeFileSync(`${directory}/undo/1-cut${length}`, whole.subarray(0, length))
    const strange = Buffer.from(whole)
    strange.writeUInt32LE(0xffffffff, 44)
    writeFileSync(`${directory}/undo/1-long`, strange)
    mkdirSync(`${directory}/undo/1-directory`)
    putTeardown('9-late', (plan) => plan.removeFile({ path: two }))
    putTeardown('.1-aside', (plan) => plan.removeFile({ path: two }))
    putTeardown('4-root', (plan) => plan.removeFile({ path: last }))
    expect(await end()).toBe(0)
    expect(readdirSync(place)).toEqual(['two'])
  })

  it('passes over so many operations when a guard says so', async () => {
    const { place, putTeardown, end } = await keeper(executable)
    const path = (name: string) => file(`${place}/${name}`)
    mkdirSync(`${place}/empty`)
    putTeardown('1-guards', (plan) => {
      plan.guardText({ path: path('text'), text: 'text of', skip: 1 })
      plan.removeFile({ path: path('1-goes') })
      plan.guardText({ path: path('text'), text: 'another', skip: 2 })
      plan.removeFile({ path: path('2-stays') })
      plan.removeFile({ path: path('3-stays') })
      plan.guardText({ path: `${place}/none`, text: '', skip: 1 })
      plan.removeFile({ path: path('4-stays') })
      plan.guardEmpty({ directory: place, patience: 0, skip: 1 })
      plan.removeFile({ path: path('5-stays') })
      plan.guardEmpty({ directory: `${place}/empty`, patience: 0, skip: 1 })
      plan.removeFile({ path: path('6-goes') })
      plan.guardEmpty({ directory: `${place}/none`, patience: 0, skip: 0x7fffffff })
      plan.removeFile({ path: path('7-goes') })
      plan.guardTables({ prefix: 'none-has-this-name', own: '', skip: 1 })
      plan.removeFile({ path: path('8-goes') })
      plan.removeMatching({ directory: place, prefix: '9-', suffix: '' })
      plan.removeMatching({ directory: place, prefix: 'b-', suffix: '-1' })
      plan.unmount({ path: `${place}/empty` })
      plan.guardEmpty({ directory: place, patience: 0, skip: 0x7fffffff })
      plan.removeFile({ path: path('a-stays') })
    })
    for (const name of ['9-one', '9-two', 'b-2-1', 'b-1-12', 'b-1']) path(name)
    expect(await end()).toBe(0)
    expect(readdirSync(place).sort()).toEqual([
      '2-stays',
      '3-stays',
      '4-stays',
      '5-stays',
      'a-stays',
      'b-1',
      'b-1-12',
      'empty',
      'text',
    ])
  })

  it('looks at the interfaces of its own network namespace, whatever /sys shows', async () => {
    const ip = (...args: string[]) => execFileSync('ip', args)
    for (const [name, group] of [
      ['kt-bridge', '7000007'],
      ['kt-empty', '1'],
    ] as const)
      ip('link', 'add', name, 'group', group, 'type', 'bridge')
    ip('link', 'add', 'kt-port', 'type', 'veth')
    ip('link', 'set', 'kt-port', 'master', 'kt-bridge')
    const { place, putTeardown, end } = await keeper(executable)
    const path = (name: string) => file(`${place}/${name}`)
    putTeardown('1-links', (plan) => {
      plan.guardLink({ name: 'kt-bridge', group: 7_000_007, skip: 1 })
      plan.removeFile({ path: path('1-goes') })
      plan.guardLink({ name: 'kt-bridge', group: 7_000_008, skip: 1 })
      plan.removeFile({ path: path('2-stays') })
      plan.guardLink({ name: 'kt-none', group: 0, skip: 1 })
      plan.removeFile({ path: path('3-stays') })
      plan.guardPorts({ bridge: 'kt-bridge', patience: 20, skip: 1 })
      plan.removeFile({ path: path('4-stays') })
      plan.guardPorts({ bridge: 'kt-empty', patience: 0, skip: 1 })
      plan.removeFile({ path: path('5-goes') })
      plan.guardPorts({ bridge: 'kt-none', patience: 0, skip: 1 })
      plan.removeFile({ path: path('6-goes') })
    })
    const status = await end()
    for (const name of ['kt-port', 'kt-bridge', 'kt-empty']) ip('link', 'del', name)
    expect(status).toBe(0)
    expect(readdirSync(place).sort()).toEqual(['2-stays', '3-stays', '4-stays'])
  })

  it('leaves alone what somebody else has locked', async () => {
    const { place, putTeardown, end } = await keeper(executable)
    const held = openSync(file(`${place}/held`), 'r')
    native().flock(held, 'exclusive', true)
    putTeardown('1-locks', (plan) => {
      plan.guardLock({ path: `${place}/held`, patience: 20, skip: 1 })
      plan.removeFile({ path: file(`${place}/stays`) })
      plan.guardLock({ path: file(`${place}/free`), patience: 20, skip: 1 })
      plan.removeFile({ path: file(`${place}/goes`) })
    })
    expect(await end()).toBe(0)
    expect(readdirSync(place).sort()).toEqual(['free', 'held', 'stays'])
  })

  it('removes the files of locks, and run directories, that nobody has and nothing is in', async () => {
    const { place, putTeardown, end } = await keeper(executable)
    const run = (name: string, ...files: string[]) => {
      mkdirSync(`${place}/${name}`)
      for (const one of files) file(`${place}/${name}/${one}`)
    }
    run('locks', 'free', 'held')
    run('begun', 'lock')
    run('.new-made-1', 'lock')
    run('removed', 'lock', 'removed', 'copied')
    run('held', 'lock', 'removed')
    run('ended', 'lock', 'exit')
    run('other', 'removed')
    file(`${place}/file`)
    symlinkSync('removed', `${place}/link`)
    const held = ['locks/held', 'held/lock'].map((path) => openSync(`${place}/${path}`, 'r'))
    for (const lock of held) native().flock(lock, 'exclusive', true)
    putTeardown('1-sweeps', (plan) => {
      plan.removeFreeLocks({ directory: `${place}/locks` })
      plan.removeFreeLocks({ directory: `${place}/none` })
      plan.removeIdleRuns({ directory: place })
      plan.removeIdleRuns({ directory: `${place}/none` })
    })
    expect(await end()).toBe(0)
    for (const lock of held) closeSync(lock)
    expect(readdirSync(place).sort()).toEqual(['.new-made-1', 'ended', 'file', 'held', 'link', 'locks', 'other'])
    expect(readdirSync(`${place}/locks`)).toEqual(['held'])
  })

  it('ends a container that runs, whoever has started it, and one whose supervisor is no more', async () => {
    const container = start(
      bench,
      plainSupervisor,
      { argv: ['sh', '-c', 'echo up; trap "" TERM; sleep 1000'] },
      [],
      bench.container(),
    )
    await container.status.next('started')
    const { place, put, end } = await keeper(executable)
    const frame = encodeFrame({ type: 'signal', signal: 9, everyone: 1, final: 1 })
    put('1-container', (plan) => {
      plan.section('ending')
      plan.tell({ path: container.runDirectory, frame })
    })
    const run = `${place}/${'a'.repeat(64)}`
    mkdirSync(run)
    file(`${run}/lock`)
    file(`${place}/left`)
    const undo = new PlanWriter()
    undo.section('teardown')
    undo.removeFile({ path: `${place}/left` })
    writeFileSync(`${run}/undo`, undo.finish({ mode: 'task' }))
    mkdirSync(`${place}/files/below`, { recursive: true })
    const plan = compileContainerUndo({ id: 'a'.repeat(64), runRoot: place, directory: `${place}/files` })
    put('1-other', () => {})
    writeFileSync(`${bench.directory}/owner${count - 1}/undo/1-other`, plan)
    expect(await end()).toBe(0)
    expect(await container.status.next('exited')).toMatchObject({ signaled: 1, status: 9 })
    await container.ended
    expect(readdirSync(place)).toEqual([])
  })
})
