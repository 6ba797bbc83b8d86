import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { native } from '../../src/host/index.js'
import { type OperationName, opcodes, PlanWriter } from '../../src/launch/protocol.gen.js'
import { encodeMessages } from '../../src/network/messages.js'
import { createTable, deleteTable, transaction } from '../../src/network/nftables.js'
import { resolverRules } from '../../src/network/resolver-rules.js'
import { type ContainerPlan, writeBatch, writeContainerPlan } from './container-plan.js'
import { Bench, buildTestPrograms, plainSupervisor, supervise } from './driver.js'
import { connectToBridge } from './pair.js'
import { writeResolver } from './resolver-operation.js'

const EIO = 5
const NETLINK_NETFILTER = 12
const IPPROTO_TCP = 6
const id = 'c'.repeat(64)
const header = 'network front'
const allowAll = Buffer.from('060000000000ff7f', 'hex')
const addTable = encodeMessages(transaction([createTable('inboard-test')]))
const removeTable = encodeMessages(transaction([deleteTable('inboard-test')]))

let bench: Bench
let directory: string
let lent: number

beforeAll(() => {
  buildTestPrograms()
  bench = new Bench()
  lent = native().netlinkOpen(NETLINK_NETFILTER)
})
afterAll(() => {
  closeSync(lent)
  return bench.dispose()
})
beforeEach(() => {
  execFileSync('ip', ['link', 'add', 'bridge0', 'type', 'bridge'])
  directory = mkdtempSync('/tmp/inboard-faults-')
  chmodSync(directory, 0o755)
  writeFileSync(join(directory, id), 'network front\n')
  return () => {
    execFileSync('ip', ['link', 'delete', 'bridge0'])
    rmSync(directory, { recursive: true })
  }
})

/** All that a container on a network with names, and with a published port, has. */
function beside(plan: PlanWriter): void {
  connectToBridge(plan)
  plan.relay({ filter: allowAll })
  plan.port({ slot: 0, protocol: IPPROTO_TCP, address: Uint8Array.of(10, 9, 8, 7), port: 80 })
  writeBatch(plan, 'slot', addTable, { slot: 1 })
  writeResolver(plan, { directory, view: id, filter: allowAll, rules: resolverRules(), open: 1 })
  plan.namesAdd({ path: join(directory, 'front'), header, id, line: `${id} 10.9.8.7 - one` })
}

function ending(plan: PlanWriter): void {
  plan.namesRemove({ directory, view: id, id })
  writeBatch(plan, 'slot', removeTable, { slot: 1 })
  plan.networkEnd()
}

/** Runs such a container to its end, with a fault at an operation. */
async function run(kind: 1 | 2, section: 'beside' | 'ending', operation: OperationName) {
  const place: ContainerPlan = { ...bench.container(), cgroups: [], argv: ['true'], beside, ending }
  const plan = new PlanWriter()
  writeContainerPlan(plan, place)
  const sections = [...plan.names.keys()].filter((step) => plan.names[step] === 'section')
  const first = sections[{ beside: 1, ending: 4 }[section]] as number
  const faultStep = plan.names.indexOf(operation, first)
  const bytes = plan.finish({ mode: 'run', faultStep, faultKind: kind })
  const held = native().holdPort(IPPROTO_TCP, Uint8Array.of(127, 0, 0, 1), 0)
  const { status, ended } = supervise(plainSupervisor, bytes, bench.directory, [held.fd, lent])
  closeSync(held.fd)
  return { status, ended, faultStep, port: held.port, directory: place.directory }
}

/** What a killed supervisor has left, undone as the engine does it. */
async function undo(container: string): Promise<void> {
  const plan = new PlanWriter()
  plan.section('ending')
  plan.namesRemove({ directory, view: id, id })
  writeBatch(plan, 'slot', removeTable, { slot: 0 })
  plan.networkEnd()
  plan.section('teardown')
  plan.removeTree({ path: container })
  await supervise(plainSupervisor, plan.finish({ mode: 'task' }), bench.directory, [lent]).ended
}

async function free(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Signs of life that others would see. */
async function signs(port: number) {
  const front = readdirSync(directory).includes('front') ? readFileSync(join(directory, 'front'), 'utf8') : ''
  return {
    port: !(await free(port)),
    table: execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }) !== '',
    name: front.includes(id),
    view: readdirSync(directory).includes(id),
  }
}
const none = { port: false, table: false, name: false, view: false }

const making = ['network_namespace', 'netlink', 'relay', 'port', 'resolver', 'names_add', 'release'] as const
const unmaking = ['names_remove', 'netlink', 'network_end'] as const

describe('a supervisor', () => {
  it.each(making)('has undone everything when it tells that %s failed', async (operation) => {
    const { status, ended, faultStep, port } = await run(1, 'beside', operation)
    const failed = await status.next('failed')
    const seen = await signs(port)
    await ended
    expect(failed).toMatchObject({ opcode: opcodes[operation], step: faultStep, errno: EIO })
    expect(seen).toEqual(none)
    expect(await status.next('torndown')).toMatchObject({ failures: 0 })
  })

  it.each([
    ['names_remove', { ...none, name: true, view: true }],
    ['netlink', { ...none, table: true }],
    // Its ports are then held until it has ended, which may be before anyone looks.
    ['network_end', { ...none, port: expect.any(Boolean) }],
  ] as const)('goes on when %s fails, and tells of it in the end', async (operation, left) => {
    const { status, ended, faultStep, port, directory } = await run(1, 'ending', operation)
    const exited = await status.next('exited')
    const seen = await signs(port)
    await ended
    await undo(directory)
    expect(exited).toMatchObject({ signaled: 0, status: 0 })
    expect(seen).toEqual(left)
    expect(await status.next('torndown')).toMatchObject({ failures: 1, step: faultStep, errno: EIO })
  })

  it.each([
    ...making.map((operation) => ['beside', operation] as const),
    ...unmaking.map((operation) => ['ending', operation] as const),
  ])(
    'that is killed %s the program, at %s, leaves nothing that its ending does not undo',
    async (section, operation) => {
      const { ended, port, directory } = await run(2, section, operation)
      const how = await ended
      await undo(directory)
      expect(how).toBe('SIGKILL')
      // The container's first process dies with it, but later.
      await expect.poll(() => signs(port)).toEqual(none)
    },
  )
})
