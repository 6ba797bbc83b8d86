import { execFile, execFileSync, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs'
import { readlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished } from 'vitest'
import { OutsideHost } from '../support/own-network.js'

const execute = promisify(execFile)
const preload = fileURLToPath(new URL('../support/own-network.cjs', import.meta.url))
const here = readlinkSync('/proc/self/ns/net')
const tellNamespace = "require('node:fs').readlinkSync('/proc/thread-self/ns/net')"

describe('the network of a test', () => {
  it("is not the one of the process that runs the tests, and has nothing but the test's loopback", () => {
    expect(here).not.toBe(readlinkSync(`/proc/${process.ppid}/ns/net`))
    const interfaces = networkInterfaces()
    expect(Object.keys(interfaces)).toEqual(['lo'])
    expect(interfaces.lo?.map(({ address }) => address)).toEqual(['127.0.0.1', '::1'])
  })

  it('is the one of all threads of the pool', async () => {
    const asked = Array.from({ length: 32 }, () => readlink('/proc/thread-self/ns/net'))
    const threads = await Promise.all(asked)
    expect(new Set(threads)).toEqual(new Set([here]))
  })

  it('is the one of worker threads', async () => {
    const worker = new Worker(`require('node:worker_threads').parentPort.postMessage(${tellNamespace})`, { eval: true })
    const [seen] = await once(worker, 'message')
    expect(seen).toBe(here)
  })

  it('is the one of programs that it starts, whichever way', async () => {
    expect(execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }).trim()).toBe(here)
    const { stdout } = await execute('readlink', ['/proc/self/ns/net'])
    expect(stdout.trim()).toBe(here)
  })

  it('is the one of Node processes that it forks, although they have the option, too', async () => {
    const execArgv = [...process.execArgv, '-e', `process.send(${tellNamespace})`]
    expect(execArgv).toContain(preload)
    const child = fork('', [], { execArgv })
    const [seen] = await once(child, 'message')
    expect(seen).toBe(here)
  })

  it('is refused with what to do when the addon is not built', () => {
    const copy = join(mkdtempSync(join(tmpdir(), 'inboard-test-')), 'test', 'support', 'own-network.cjs')
    onTestFinished(() => rmSync(join(dirname(copy), '..', '..'), { recursive: true }))
    mkdirSync(dirname(copy), { recursive: true })
    copyFileSync(preload, copy)
    const options = { env: { PATH: process.env.PATH }, encoding: 'utf8' } as const
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', copy, '-p', '1'], options)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain('npm run build:native')
  })
})

describe('a host outside', () => {
  it('is reached, and reaches, over IPv4 and IPv6', async () => {
    await using outside = await OutsideHost.connect()
    const server = createServer((socket) => socket.end(`${socket.remoteAddress}`)).listen(0, '::')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as { port: number }
    const ask = `
import socket, sys
for address in sys.argv[2:]:
    print(socket.create_connection((address, int(sys.argv[1])), 5).recv(99).decode())
`
    const { stdout } = await outside.run('python3', '-c', ask, `${port}`, outside.gateway, outside.gateway6)
    expect(stdout).toBe(`::ffff:${outside.address}\n${outside.address6}\n`)
  })

  it('keeps a network of its own for the programs that run there', async () => {
    await using outside = await OutsideHost.connect()
    const { stdout } = await outside.run('readlink', '/proc/self/ns/net')
    expect(stdout.trim()).toBe(readlinkSync(outside.namespace))
    expect(stdout.trim()).not.toBe(here)
  })

  it('reports how a program has ended', async () => {
    await using outside = await OutsideHost.connect()
    expect(await outside.run('sh', '-c', 'echo no >&2; exit 3')).toEqual({ status: 3, stdout: '', stderr: 'no\n' })
  })

  it('is gone with its programs and its cable when it is disposed of', async () => {
    const outside = await OutsideHost.connect()
    const program = outside.spawn('sleep', '1000')
    const { namespace } = outside
    await outside[Symbol.asyncDispose]()
    expect(program.signalCode).toBe('SIGKILL')
    expect(existsSync(namespace)).toBe(false)
    expect(Object.keys(networkInterfaces())).toEqual(['lo'])
  })
})
