import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { namespaceLeaks } from '../support/network-leaks.js'
import { addressOf, body, listening } from '../support/reach.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true })
  await engine.networks.prune()
  expect(await host.leaks()).toEqual([])
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  expect(await namespaceLeaks()).toEqual([])
})

const idle = () => engine.run('busybox', ['sleep', '1000'])
const interfaces = "ip -o addr | awk '{ print $2, $4 }' | grep -v :"

test('a container has loopback and eth0 with an address, a MAC made of it, and a way out through the gateway', async () => {
  const { stdout } = await engine
    .run('busybox', ['sh', '-c', `${interfaces}; cat /sys/class/net/eth0/address; ip route | head -1`])
    .rm()
    .output()
  const [lo, eth0 = '', mac, route] = stdout.trim().split('\n')
  const [, address = ''] = /^eth0 (.*)\/16$/.exec(eth0) ?? []
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'))
  expect([lo, mac]).toEqual(['lo 127.0.0.1/8', `02:42:${bytes.join(':')}`])
  expect(route).toBe(`default via ${address.replace(/\d+\.\d+$/, '0.1')} dev eth0`)
})

test('a container on none has loopback only', async () => {
  const { stdout } = await engine.run('busybox', ['sh', '-c', interfaces]).network('none').rm().output()
  expect(stdout).toBe('lo 127.0.0.1/8\n')
})

test('a container on host is where the host is, and its ports are the host’s', async () => {
  const script = 'mkdir /www; echo hi >/www/index.html; exec httpd -f -p 8080 -h /www'
  await listening(await engine.run('busybox', ['sh', '-c', script]).network('host').publish('80:80'), 8080)
  expect(await body('http://127.0.0.1:8080/')).toBe('hi\n')
})

test('a container on another’s network has its interfaces, files and ports', async () => {
  const script = 'mkdir /www; echo hi >/www/index.html; exec httpd -f -h /www'
  const web = await listening(await engine.run('busybox', ['sh', '-c', script]).name('web').hostname('www'), 80)
  const question = 'wget -qO- http://127.0.0.1/; hostname; ip -o -4 addr show eth0; cat /etc/hosts /etc/resolv.conf'
  const joined = await engine.run('busybox', ['sh', '-c', question]).network('container:web').rm().output()
  const own = (await web.exec(['sh', '-c', question])).stdout
  expect(joined.stdout).toBe(own)
  expect(own).toContain(`hi\nwww\n`)
  expect(own).toContain(`${await addressOf(web)}\twww\n`)
})

test('a container cannot start on the network of one that is missing, stopped, or itself', async () => {
  await idle().name('idle').create()
  const joining = (target: string) => engine.run('busybox', ['true']).name('me').rm().network(`container:${target}`)
  await expect(joining('nosuch')).rejects.toThrow('No such container: nosuch')
  await expect(joining('idle')).rejects.toThrow('cannot join network of a non running container')
  await expect(joining('me')).rejects.toThrow('cannot join own network')
})

test('an internal network reaches its own containers and nothing else', async () => {
  await engine.networks.create('inside').internal()
  const neighbour = await idle().name('neighbour').network('inside')
  const outer = await idle().name('outer')
  const address = await addressOf(outer)
  const script = `ping -c1 -W1 neighbour; echo $?; ping -c1 -W1 ${address} 2>&1; echo $?; nslookup -type=a example.com`
  const { stdout } = await engine.run('busybox', ['sh', '-c', script]).network('inside').rm().output()
  expect(stdout).toContain(`bytes from ${await addressOf(neighbour, 'inside')}`)
  expect(stdout.match(/^\d$/gm)).toEqual(['0', '1'])
  expect(stdout).not.toContain('Name:')
})

test('a container that is connected while it runs has eth1, its hosts entry and another default route', async () => {
  const net = await engine.networks.create('afar').subnet('10.60.0.0/24')
  const container = await idle().hostname('me')
  const question = ['sh', '-c', `${interfaces}; cat /etc/hosts | grep me; cat /etc/resolv.conf`]
  await net.connect(container, { ip: '10.60.0.9' })
  const connected = (await container.exec(question)).stdout
  await net.disconnect(container)
  const disconnected = (await container.exec(question)).stdout
  const { HostConfig, NetworkSettings } = await container.inspect()
  expect(connected).toContain('eth1 10.60.0.9/24\n')
  expect(connected).toContain('10.60.0.9\tme\n')
  expect(connected).toContain('nameserver 127.0.0.11\n')
  expect(disconnected).not.toContain('10.60.0.9')
  expect([HostConfig.NetworkMode, Object.keys(NetworkSettings.Networks)]).toEqual(['bridge', ['bridge']])
})
