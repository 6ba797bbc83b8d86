import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Engine, RunBuilder } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { namespaceLeaks } from '../support/network-leaks.js'
import { OutsideHost } from '../support/own-network.js'
import { addressOf, body, listening, portOf } from '../support/reach.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox', 'nettools'])
  engine = host.engine
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true })
  expect(await host.leaks()).toEqual([])
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  expect(await namespaceLeaks()).toEqual([])
})

/** Serves its host name over HTTP on port 80. */
const serving = () =>
  engine.run('busybox', ['sh', '-c', 'mkdir /www; hostname >/www/index.html; exec httpd -f -h /www'])
const nameFrom = async (address: string) => (await body(`http://${address}/`)).trim()
const started = async (builder: RunBuilder) => listening(await builder, 80)

describe('a port', () => {
  test('is one of the host’s ephemeral ones unless it was named, also after a restart', async () => {
    const web = await started(serving().hostname('web').publish('80'))
    const first = await portOf(web, '80/tcp')
    const firstName = await nameFrom(`127.0.0.1:${first}`)
    await web.restart({ timeoutMs: 0 })
    await listening(web, 80)
    const second = await portOf(web, '80/tcp')
    expect(Number(first)).toBeGreaterThanOrEqual(32768)
    expect(Number(second)).toBeGreaterThanOrEqual(32768)
    expect([firstName, await nameFrom(`127.0.0.1:${second}`)]).toEqual(['web', 'web'])
  })

  test('that was named leads to the container again after a restart', async () => {
    const web = await started(serving().hostname('web').publish('8080:80'))
    await web.restart({ timeoutMs: 0 })
    await listening(web, 80)
    expect(await nameFrom('127.0.0.1:8080')).toBe('web')
  })

  test('is told by ports() and port()', async () => {
    const web = await started(serving().publish('127.0.0.1:8080:80', '5353:53/udp').expose('443'))
    expect(await web.ports()).toEqual({
      '53/udp': [
        { hostAddress: '0.0.0.0', hostPort: 5353 },
        { hostAddress: '::', hostPort: 5353 },
      ],
      '80/tcp': [{ hostAddress: '127.0.0.1', hostPort: 8080 }],
    })
    expect(await web.port('80/tcp')).toEqual(['127.0.0.1:8080'])
    expect(await web.port('53/udp')).toEqual(['0.0.0.0:5353', '[::]:5353'])
  })

  test('of every exposed one is published by publishAll', async () => {
    const web = await started(serving().hostname('web').expose('80', '53/udp').publishAll())
    const { Ports } = (await web.inspect()).NetworkSettings
    expect(Object.keys(Ports)).toEqual(['53/udp', '80/tcp'])
    expect(await nameFrom(`127.0.0.1:${await portOf(web, '80/tcp')}`)).toBe('web')
  })

  test('leaves nothing behind for a connection that was open when its container was killed', async () => {
    const web = await started(engine.run('busybox', ['sh', '-c', 'yes | nc -l -p 80']).publish('8080:80'))
    const client = createConnection(8080, '127.0.0.1').pause()
    // What the client does not take is left in the container's queue.
    const isQueued = "grep -q ':[0-9A-F]* 01 0*[1-9A-F][0-9A-F]*:' /proc/net/tcp6"
    await web.exec(['sh', '-c', `until ${isQueued}; do sleep 0.01; done`])
    await web.remove({ force: true })
    const left = await host.leaks()
    client.destroy()
    expect(left).toEqual([])
  })

  test('of UDP leads to the container, and its answers back', async () => {
    const echo = 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 53))'
    const answer = 'print("ready", flush=True); m, a = s.recvfrom(99); s.sendto(m.upper(), a)'
    const server = await engine
      .run('nettools', ['python3', '-c', `${echo}; ${answer}`])
      .publish('127.0.0.1:5353:53/udp')
    for await (const { text } of server.logs({ follow: true })) if (text.includes('ready')) break
    const socket = createSocket('udp4')
    socket.send('hello', 5353, '127.0.0.1')
    const [message, { port }] = await once(socket, 'message')
    socket.close()
    expect([String(message), port]).toEqual(['HELLO', 5353])
  })
})

describe('a port that is taken', () => {
  test('by a container is named in the error, and leaves the other one created with nothing', async () => {
    const first = await started(serving().hostname('first').publish('8080:80'))
    const second = await serving().hostname('second').name('second').publish('8079:79', '8080:80').create()
    await expect(second.start()).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('Bind for 0.0.0.0:8080 failed: port is already allocated'),
    })
    const { State, NetworkSettings } = await second.inspect()
    expect([State.Status, NetworkSettings.Ports]).toEqual(['created', {}])
    expect(State.Error).toContain('port is already allocated')
    await expect(nameFrom('127.0.0.1:8079')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await first.stop({ timeoutMs: 0 })
    await second.start()
    await listening(second, 80)
    expect(await nameFrom('127.0.0.1:8080')).toBe('second')
  })

  test('by another program is an error that names it', async () => {
    const program = createServer().listen(9090, '0.0.0.0')
    await once(program, 'listening')
    const web = await serving().publish('9090:80').create()
    await expect(web.start()).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('0.0.0.0:9090'),
    })
    program.close()
    await once(program, 'close')
    await web.start()
    expect(await portOf(web, '80/tcp')).toBe('9090')
  })

  test('in a range leads to the next of the range, until all are', async () => {
    const one = await started(serving().hostname('one').publish('8080-8081:80'))
    const two = await started(serving().hostname('two').publish('8080-8081:80'))
    const three = await serving().publish('8080-8081:80').create()
    await expect(three.start()).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('all ports are allocated'),
    })
    expect([await portOf(one, '80/tcp'), await portOf(two, '80/tcp')]).toEqual(['8080', '8081'])
    expect(await nameFrom('127.0.0.1:8081')).toBe('two')
  })

  test('cannot be bound by another program while the container runs', async () => {
    const web = await started(serving().publish('8080:80'))
    const bind = async (address: string) => {
      const server = createServer().listen(8080, address)
      const [error] = await Promise.race([once(server, 'error'), once(server, 'listening')])
      server.close()
      return (error as NodeJS.ErrnoException | undefined)?.code
    }
    const meanwhile = [await bind('0.0.0.0'), await bind('127.0.0.1'), await bind('::')]
    await web.stop({ timeoutMs: 0 })
    expect(meanwhile).toEqual(['EADDRINUSE', 'EADDRINUSE', 'EADDRINUSE'])
    expect(await bind('0.0.0.0')).toBeUndefined()
  })
})

describe('a port published on 127.0.0.1', () => {
  /** Sends what is for 127.0.0.1 to the host, as CVE-2020-8558 does. */
  const throughHost = (gateway: string) => `
    set -e
    ip address delete 127.0.0.1/8 dev lo
    ip route add 127.0.0.0/8 via ${gateway} dev eth0
    echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
    echo prepared`
  const fetch = (address: string) =>
    `python3 -c 'from urllib.request import urlopen; print(urlopen("http://${address}:8080/", timeout=2).read())'`

  test('is not reached from a neighbour container', async () => {
    const web = await started(serving().hostname('web').publish('127.0.0.1:8080:80'))
    const gateway = (await addressOf(web)).replace(/\d+$/, '1')
    const neighbour = await engine.run('nettools', ['sleep', '1000']).privileged()
    const curl = (address: string) => `curl -sS --max-time 2 http://${address}:8080/`
    const direct = await neighbour.exec(['sh', '-c', curl(gateway)])
    const through = await neighbour.exec(['sh', '-c', `${throughHost(gateway)}\n${curl('127.0.0.1')}`])
    expect([direct.stdout, through.stdout]).toEqual(['', 'prepared\n'])
    expect(await nameFrom('127.0.0.1:8080')).toBe('web')
  })

  test('is not reached from outside, not even by packets for 127.0.0.1', async () => {
    await using outside = await OutsideHost.connect()
    await started(serving().hostname('web').publish('127.0.0.1:8080:80'))
    const direct = await outside.run('sh', '-c', fetch(outside.gateway))
    const through = await outside.run('sh', '-c', `${throughHost(outside.gateway)}\n${fetch('127.0.0.1')}`)
    expect([direct.stdout, through.stdout]).toEqual(['', 'prepared\n'])
    expect(await nameFrom('127.0.0.1:8080')).toBe('web')
  })
})
