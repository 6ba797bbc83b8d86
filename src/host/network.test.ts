import { once } from 'node:events'
import { openSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { binaries } from './addon.js'
import { closing, failureOf } from './fixture.js'
import { native } from './index.js'

const here = () => readlinkSync('/proc/thread-self/ns/net')

/** What a thread of its own, which has the addon as `native`, posts. */
async function onThread(program: string): Promise<unknown> {
  const whole = `
    const { parentPort } = require('node:worker_threads')
    const { readlinkSync, openSync } = require('node:fs')
    const native = require(${JSON.stringify(join(binaries().directory, 'inboard.node'))})
    const here = () => readlinkSync('/proc/thread-self/ns/net')
    ${program}`
  const worker = new Worker(whole, { eval: true })
  const [[message]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  return message
}

describe('enterNetwork', () => {
  it('moves the calling thread, and no other, to a new network namespace', async () => {
    const before = here()
    const there = await onThread('native.enterNetwork(); parentPort.postMessage(here())')
    expect(there).toMatch(/^net:/)
    expect(there).not.toBe(before)
    expect(here()).toBe(before)
  })

  it('raises the loopback of the new one: both of its addresses can be bound', async () => {
    const ports = await onThread(`
      native.enterNetwork()
      const ports = [[127, 0, 0, 1], [...Buffer.alloc(15), 1]].map((address) => native.holdPort(6, Buffer.from(address), 80).port)
      parentPort.postMessage(ports)`)
    expect(ports).toEqual([80, 80])
  })

  it('moves the calling thread to the namespace of a descriptor', async () => {
    const seen = await onThread(`
      const home = openSync('/proc/thread-self/ns/net')
      native.enterNetwork()
      native.enterNetwork(home)
      parentPort.postMessage(here())`)
    expect(seen).toBe(here())
  })

  it('refuses what is no network namespace', () => {
    const zero = closing(openSync('/dev/zero', 'r'))
    expect(failureOf(() => native().enterNetwork(zero))).toMatchObject({ code: 'EINVAL', syscall: 'setns' })
  })
})
