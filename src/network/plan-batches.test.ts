import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAddress } from './address.js'
import { readAnswers, refusals } from './answers.js'
import { Namespaces, NETLINK_NETFILTER } from './fixture.js'
import type { Message } from './messages.js'
import { transaction } from './nftables.js'
import { linkBatches, publishBatches, unlinkBatches, unpublishBatches } from './plan-batches.js'
import { createRuleset, type PublishedPort } from './ruleset.js'

const rootId = '0011aabb'
const table = `inboard-${rootId}`

let namespaces: Namespaces
let namespace: number
beforeAll(() => {
  namespaces = Namespaces.start()
})
afterAll(() => namespaces[Symbol.asyncDispose]())

async function withRuleset(): Promise<void> {
  namespace = await namespaces.make()
  await namespaces.send(namespace, NETLINK_NETFILTER, transaction(createRuleset(table)))
}

/** The messages of a batch, as a supervisor would send them. */
function messagesOf(batch: Uint8Array): Message[] {
  return readAnswers(batch).map(({ type, flags, body }) => ({ type, flags, body }))
}

/** What is refused of each batch. */
async function refused(batches: readonly Uint8Array[]): Promise<string[][]> {
  const errors: string[][] = []
  for (const batch of batches) {
    const answers = await namespaces.send(namespace, NETLINK_NETFILTER, messagesOf(batch))
    errors.push(refusals(answers).map(({ errno }) => errno))
  }
  return errors
}

async function list(kind: string, name: string): Promise<string> {
  return (await namespaces.run(namespace, 'nft', 'list', kind, 'inet', table, name)).stdout
}

function port(hostPort: number, address: string): PublishedPort {
  const hostAddress = parseAddress('0.0.0.0')
  return { protocol: 'tcp', hostAddress, hostPort, address: parseAddress(address), port: 80 }
}

describe('publishBatches', () => {
  it('leads a port to whoever has it now, whomever it led to', async () => {
    await withRuleset()
    expect(await refused(publishBatches(rootId, [port(80, '172.17.0.2')]))).toEqual([[]])
    expect(await refused(publishBatches(rootId, [port(80, '172.17.0.3'), port(81, '172.17.0.3')]))).toEqual([[]])
    const shown = await list('map', 'wildcard4')
    expect(shown).toContain('tcp . 80 : 172.17.0.3 . 80')
    expect(shown).toContain('tcp . 81 : 172.17.0.3 . 80')
    expect(shown).not.toContain('172.17.0.2')
  })

  it('is nothing for no ports', () => {
    expect(publishBatches(rootId, [])).toEqual([])
    expect(unpublishBatches(rootId, [])).toEqual([])
  })
})

describe('unpublishBatches', () => {
  it('takes away what is there of the ports', async () => {
    await withRuleset()
    await refused(publishBatches(rootId, [port(80, '172.17.0.2'), port(82, '172.17.0.2')]))
    expect(await refused(unpublishBatches(rootId, [port(81, '172.17.0.2'), port(80, '172.17.0.2')]))).toEqual([[]])
    const shown = await list('map', 'wildcard4')
    expect(shown).not.toContain('tcp . 80')
    expect(shown).toContain('tcp . 82')
  })

  it('says no more than ENOENT when the table is gone', async () => {
    await withRuleset()
    await namespaces.run(namespace, 'nft', 'flush', 'ruleset')
    const errors = await refused(unpublishBatches(rootId, [port(80, '172.17.0.2')]))
    expect(errors.flat().filter((errno) => errno !== 'ENOENT')).toEqual([])
  })
})

describe('linkBatches', () => {
  it('opens a port that may be open, until it is closed', async () => {
    await withRuleset()
    const [from, to] = [parseAddress('172.17.0.3'), parseAddress('172.17.0.2')]
    const links = [{ from, to, protocol: 'tcp' as const, port: 5432 }]
    expect(await refused([...linkBatches(rootId, links), ...linkBatches(rootId, links)])).toEqual([[], []])
    expect(await list('set', 'links4')).toContain('172.17.0.3 . 172.17.0.2 . tcp . 5432')
    expect(await refused([...unlinkBatches(rootId, links), ...unlinkBatches(rootId, links)])).toEqual([[], []])
    expect(await list('set', 'links4')).not.toContain('5432')
  })
})
