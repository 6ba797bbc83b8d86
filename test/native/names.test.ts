import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { opcodes, PlanWriter } from '../../src/launch/protocol.gen.js'
import { Bench, buildTestPrograms, plainSupervisor, sanitizedSupervisor, supervise } from './driver.js'
import { openFiles, run, start } from './start.js'

const EBADMSG = 74
const header = 'network front'
const ids = Array.from({ length: 1000 }, (_none, index) => index.toString(16).padStart(64, '0'))
const [first = '', second = '', third = ''] = ids
const lineOf = (id: string, address = '10.0.0.2') => `${id} ${address} - name-of-${Number.parseInt(id, 16)} alias`

let bench: Bench
let directory: string
const path = (name: string) => join(directory, name)
const read = (name = 'front') => readFileSync(path(name), 'utf8')

beforeAll(() => {
  buildTestPrograms()
  bench = new Bench()
})
afterAll(() => bench.dispose())
beforeEach(() => {
  directory = mkdtempSync('/tmp/inboard-names-')
  return () => rmSync(directory, { recursive: true })
})

/** Starts a container whose names are added. */
const add = (executable: string, id: string, line = lineOf(id)) =>
  run(bench, executable, {
    argv: ['true'],
    beside: (plan) => plan.namesAdd({ path: path('front'), header, id, line }),
  })

/** The undoing of one that was killed. */
async function remove(executable: string, id: string, view = 'view') {
  const plan = new PlanWriter()
  plan.section('teardown')
  plan.namesRemove({ directory, view, id })
  const { status, ended } = supervise(executable, plan.finish({ mode: 'task' }), bench.directory)
  await ended
  return status.next('torndown')
}

const write = (name: string, ...lines: string[]) => writeFileSync(path(name), lines.map((line) => `${line}\n`).join(''))

describe.each([
  ['release', plainSupervisor],
  ['sanitized', sanitizedSupervisor],
])('the %s supervisor', (_build, executable) => {
  it('begins a record file with its header', async () => {
    await add(executable, first)
    expect(read()).toBe(`${header}\n${lineOf(first)}\n`)
    expect(readdirSync(directory)).toEqual(['front', 'front.lock'])
  })

  it('replaces the line of a container, and no other', async () => {
    write('front', 'network other', lineOf(first), `${first}0 of another`, lineOf(second))
    await add(executable, first, lineOf(first, '10.0.0.9'))
    expect(read()).toBe(`network other\n${first}0 of another\n${lineOf(second)}\n${lineOf(first, '10.0.0.9')}\n`)
  })

  it('keeps a thousand others, and lines longer than what it reads at once', async () => {
    const long = `${second} 10.0.0.3 - ${'alias '.repeat(8000)}end`
    const others = ids.slice(2).map((id) => lineOf(id))
    write('front', header, ...others, long)
    await add(executable, first)
    expect(read()).toBe([header, ...others, long, lineOf(first), ''].join('\n'))
    await add(executable, second)
    expect(read()).toBe([header, ...others, lineOf(first), lineOf(second), ''].join('\n'))
  })

  it('ends a last line that has no end', async () => {
    writeFileSync(path('front'), `${header}\n${lineOf(second)}`)
    await add(executable, first)
    expect(read()).toBe(`${header}\n${lineOf(second)}\n${lineOf(first)}\n`)
  })

  it('gives each change a file of its own, whatever one that was killed has left', async () => {
    write('front', header)
    write('.new-front', 'half a')
    await add(executable, first)
    expect(read()).toBe(`${header}\n${lineOf(first)}\n`)
    expect(readdirSync(directory)).toEqual(['front', 'front.lock'])
  })

  it('loses none of those that many add at once', async () => {
    const some = ids.slice(0, 24)
    await Promise.all(some.map((id) => add(executable, id)))
    const [head, ...lines] = read().trimEnd().split('\n')
    expect(head).toBe(header)
    expect(lines.sort()).toEqual(some.map((id) => lineOf(id)))
  })

  it('waits for who else writes, also when the lock is made anew meanwhile', async () => {
    write('front', header)
    const holder = spawn('flock', [path('front.lock'), 'sh', '-c', `echo; read x; rm ${path('front.lock')}`])
    await once(holder.stdout, 'data')
    const container = start(bench, executable, {
      argv: ['true'],
      beside: (plan) => {
        plan.namesAdd({ path: path('front'), header, id: first, line: lineOf(first) })
      },
    })
    await expect.poll(() => openFiles(container.process.pid)).toContain(path('front.lock'))
    holder.stdin.end('\n')
    await container.ended
    expect(read()).toBe(`${header}\n${lineOf(first)}\n`)
    expect(existsSync(path('front.lock'))).toBe(true)
  })

  it('removes a container from all networks of its view before it tells of the end, then the view', async () => {
    write('front', header, lineOf(first), lineOf(second))
    write('back', 'network back', lineOf(first))
    write('view', 'network front', 'network gone', 'network back', `alias db ${second}`, 'server 10.0.0.1')
    const container = start(bench, executable, {
      argv: ['cat'],
      stdio: { kind: 'pipes', flags: ['attached', 'stdin', 'stdinOnce'] },
      ending: (plan) => plan.namesRemove({ directory, view: 'view', id: first }),
    })
    await container.status.next('started')
    const during = read()
    container.status.send({ type: 'stdinEnd' })
    await container.status.next('exited')
    const after = [read(), read('back'), readdirSync(directory)]
    await container.ended
    expect(during).toContain(lineOf(first))
    expect(after).toEqual([
      `${header}\n${lineOf(second)}\n`,
      'network back\n',
      ['back', 'back.lock', 'front', 'front.lock'],
    ])
  })

  it('removes what is left when a supervisor was killed, as often as it is asked', async () => {
    write('front', header, lineOf(first), lineOf(second))
    write('view', 'network front')
    const once = await remove(executable, first)
    const twice = await remove(executable, first)
    expect([once, twice]).toMatchObject([{ failures: 0 }, { failures: 0 }])
    expect(read()).toBe(`${header}\n${lineOf(second)}\n`)
  })

  it('leaves a record file as it is that has no line of the container', async () => {
    write('front', header, lineOf(second))
    write('view', 'network front')
    const { ino } = statSync(path('front'))
    await remove(executable, third)
    expect(statSync(path('front')).ino).toBe(ino)
    expect(readdirSync(directory)).toEqual(['front', 'front.lock'])
  })

  it('leaves its directory for no name that a view may hold', async () => {
    write('front', header, lineOf(first))
    write('view', `network ../${directory.split('/').at(-1)}/front`, 'network .', 'network front')
    expect(await remove(executable, first)).toMatchObject({ failures: 1, errno: EBADMSG })
    expect(read()).toBe(`${header}\n`)
  })

  it('tells of a record file that cannot be written', async () => {
    const { status } = await run(bench, executable, {
      argv: ['true'],
      beside: (plan) => plan.namesAdd({ path: path('none/front'), header, id: first, line: lineOf(first) }),
    })
    expect(await status.next('failed')).toMatchObject({
      opcode: opcodes.names_add,
      errno: 2,
      text: path('none/front'),
    })
  })
})
