import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { failpoints } from '../../src/errors/failpoint.js'
import type { Container, Engine, Network } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { listening } from '../support/reach.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine()
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())
afterEach(async () => {
  failpoints.clear()
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true })
  await engine.networks.prune()
  expect(await host.leaks()).toEqual([])
})

const code = (expected: string, message = '') =>
  expect.objectContaining({ code: expected, message: expect.stringContaining(message) })
const sleeper = (name: string, network: string) =>
  engine.run('busybox', ['sleep', '1000']).name(name).network(network) as PromiseLike<Container>
const show = async (container: Container, command: string) =>
  (await container.exec(['sh', '-c', command])).stdout.trim()
const pings = async (container: Container, target: string) =>
  (await container.exec(['ping', '-c', '1', '-W', '1', target])).exitCode === 0
const interfaces = (container: Container) => show(container, 'ls /sys/class/net | tr "\\n" " "')
const addressOn = async (network: Network, container: Container) =>
  (await network.inspect()).Containers[container.id]?.IPv4Address.replace(/\/.*/, '') ?? ''

describe('a running container that is connected', () => {
  it('gains an interface with an address, and is reached there', async () => {
    const [front, back] = [await engine.networks.create('front'), await engine.networks.create('back')]
    const web = await sleeper('web', 'front')
    const db = await sleeper('db', 'back')
    const address = await addressOn(back, db)
    expect(await pings(web, address)).toBe(false)
    await back.connect(web)
    expect(await interfaces(web)).toBe('eth0 eth1 lo')
    expect(await pings(web, address)).toBe(true)
    expect((await front.inspect()).Containers[web.id]?.Name).toBe('web')
  })

  it('finds others by name, and is found by its name, its short id and its aliases', async () => {
    const net = await engine.networks.create('net')
    const web = await sleeper('web', 'bridge')
    const db = await sleeper('db', 'net')
    await net.connect(web, { alias: ['www', 'api'], link: 'db:database' })
    expect(await pings(web, 'db')).toBe(true)
    expect(await pings(web, 'database')).toBe(true)
    const names = ['web', 'www', 'api', web.id.slice(0, 12)]
    expect(await Promise.all(names.map((name) => pings(db, name)))).toEqual([true, true, true, true])
  })

  it('finds others by name, and is found, also when it was started on no network at all', async () => {
    const net = await engine.networks.create('net')
    const web = await sleeper('web', 'net')
    const db = await sleeper('db', 'net')
    await net.disconnect(web)
    await web.restart({ timeoutMs: 1 })
    await net.connect(web)
    expect(await pings(web, 'db')).toBe(true)
    expect(await pings(db, 'web')).toBe(true)
  })

  it('has its address in the hosts file that it has, and asks the resolver', async () => {
    const net = await engine.networks.create('net').subnet('10.60.0.0/24')
    const web = await sleeper('web', 'bridge')
    const before = await show(web, 'stat -c %i /etc/hosts /etc/resolv.conf')
    await show(web, 'echo 1.2.3.4 mine >> /etc/hosts')
    await net.connect(web, { ip: '10.60.0.50' })
    const hosts = await show(web, 'cat /etc/hosts')
    expect(hosts).toContain(`10.60.0.50\t${web.id.slice(0, 12)}`)
    expect(hosts).toContain('1.2.3.4 mine')
    expect(await show(web, 'cat /etc/resolv.conf')).toContain('nameserver 127.0.0.11')
    expect(await show(web, 'stat -c %i /etc/hosts /etc/resolv.conf')).toBe(before)
  })

  it('is refused what it cannot have, and is as it was', async () => {
    const net = await engine.networks.create('net').subnet('10.60.0.0/24')
    const picked = await engine.networks.create('picked')
    const web = await sleeper('web', 'net')
    const own = await addressOn(net, web)
    const other = await sleeper('other', 'picked')
    await expect(net.connect(web)).rejects.toThrow(
      code('ALREADY_CONNECTED', 'endpoint with name web already exists in network net'),
    )
    await expect(net.connect(other, { ip: own })).rejects.toThrow(code('ADDRESS_IN_USE', 'Address already in use'))
    await expect(net.connect(other, { ip: '10.61.0.5' })).rejects.toThrow(
      code('INVALID_OPTION', "Invalid address 10.61.0.5: It does not belong to any of this network's subnets"),
    )
    await expect(net.connect(other, { ip: 'bad' })).rejects.toThrow(code('INVALID_OPTION', 'invalid IPv4 address: bad'))
    await expect(picked.connect(web, { ip: '172.18.0.77' })).rejects.toThrow(
      code(
        'INVALID_OPTION',
        'user specified IP address is supported only when connecting to networks with user configured',
      ),
    )
    await expect(net.connect('nosuch')).rejects.toThrow(code('CONTAINER_NOT_FOUND', 'No such container: nosuch'))
    expect(await interfaces(other)).toBe('eth0 lo')
  })

  it.each([
    'connect.record',
    'connect.view',
    'connect.attach',
    'connect.names',
    'connect.resolv-conf',
    'connect.hosts',
    'names.write',
  ])('is as it was when it fails at %s', async (point) => {
    const net = await engine.networks.create('net')
    const web = await sleeper('web', 'bridge')
    failpoints.set(point, () => {
      throw new Error(`failed at ${point}`)
    })
    await expect(net.connect(web)).rejects.toThrow(`failed at ${point}`)
    failpoints.clear()
    expect((await net.inspect()).Containers).toEqual({})
    expect(await interfaces(web)).toBe('eth0 lo')
    await net.connect(web)
    expect(await interfaces(web)).toBe('eth0 eth1 lo')
  })

  it('is connected once by several at a time', async () => {
    const net = await engine.networks.create('net')
    const web = await sleeper('web', 'bridge')
    const other = await await (await host.reopen()).networks.get('net')
    const outcomes = await Promise.allSettled([net.connect(web), other.connect('web'), net.connect(web)])
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await interfaces(web)).toBe('eth0 eth1 lo')
  })
})

describe('a running container that is disconnected', () => {
  it('loses the interface, and its default route goes on', async () => {
    const [one, two] = [await engine.networks.create('one'), await engine.networks.create('two')]
    const web = await sleeper('web', 'one')
    await two.connect(web)
    await one.disconnect(web)
    expect(await interfaces(web)).toBe('eth1 lo')
    expect(await show(web, 'ip route')).toMatch(/^default via 172\.\d+\.0\.1 dev eth1/)
    expect((await one.inspect()).Containers).not.toHaveProperty(web.id)
    await expect(one.disconnect(web)).rejects.toThrow(
      code('NOT_CONNECTED', `container ${web.id} is not connected to network one`),
    )
  })

  it('is not found by name any more', async () => {
    const net = await engine.networks.create('net').internal()
    const web = await sleeper('web', 'net')
    const db = await sleeper('db', 'net')
    expect(await pings(db, 'web')).toBe(true)
    await net.disconnect(web)
    expect(await pings(db, 'web')).toBe(false)
    expect(await show(web, 'cat /etc/resolv.conf')).not.toContain('127.0.0.11')
  })

  it.each([
    'disconnect.detach',
    'disconnect.names',
    'disconnect.roads',
    'disconnect.view',
    'disconnect.hosts',
    'disconnect.record',
  ])('is off the network with the second try when the first fails at %s', async (point) => {
    const net = await engine.networks.create('net')
    const web = await sleeper('web', 'net')
    failpoints.set(point, () => {
      throw new Error(`failed at ${point}`)
    })
    await expect(net.disconnect(web)).rejects.toThrow(`failed at ${point}`)
    failpoints.clear()
    expect((await net.inspect()).Containers).toHaveProperty(web.id)
    await net.disconnect(web)
    expect((await net.inspect()).Containers).toEqual({})
    expect(await interfaces(web)).toBe('lo')
  })

  it('comes back, with another interface and the same names', async () => {
    const [one, two] = [await engine.networks.create('one'), await engine.networks.create('two')]
    const web = await sleeper('web', 'one')
    const db = await sleeper('db', 'two')
    await two.connect(web)
    await one.disconnect(web)
    await two.disconnect(web)
    expect(await interfaces(web)).toBe('lo')
    await two.connect(web)
    expect(await pings(db, 'web')).toBe(true)
  })

  it('leaves its ports to its next network', async () => {
    const [one, two] = [await engine.networks.create('one'), await engine.networks.create('two')]
    const web = (await engine
      .run('busybox', ['sh', '-c', 'while :; do echo served | nc -l -p 80; done'])
      .name('web')
      .network('one')
      .publish('18080:80')) as Container
    await two.connect(web)
    await one.disconnect(web)
    await listening(web, 80)
    const client = await engine.run('busybox', ['nc', '-w', '3', '127.0.0.1', '18080']).network('host').rm().output()
    expect(client.stdout).toBe('served\n')
  })
})

describe('a container that does not run', () => {
  it('is on the network with its next start, told as last', async () => {
    const net = await engine.networks.create('net').subnet('10.60.0.0/24')
    const web = await engine.run('busybox', ['sleep', '1000']).name('web').create()
    await net.connect(web, { ip: '10.60.0.7' })
    await net.connect(web, { ip: '10.60.0.8', alias: 'www' })
    await web.start()
    expect(await interfaces(web)).toBe('eth0 eth1 lo')
    expect(await addressOn(net, web)).toBe('10.60.0.8')
  })

  it('is not on the network with its next start once it is disconnected', async () => {
    const net = await engine.networks.create('net')
    const web = await engine.run('busybox', ['sleep', '1000']).name('web').network('net').create()
    await net.disconnect(web)
    await web.start()
    expect(await interfaces(web)).toBe('lo')
  })

  it('keeps no network from being removed, and cannot start without it', async () => {
    const net = await engine.networks.create('net')
    const web = await sleeper('web', 'net')
    await expect(net.remove()).rejects.toThrow(
      code('NETWORK_IN_USE', `error while removing network: network net id ${net.id} has active endpoints`),
    )
    await web.kill()
    await web.wait()
    await net.remove()
    await expect(web.start()).rejects.toThrow(code('NETWORK_NOT_FOUND', `network ${net.id} not found`))
  })
})

it('networks that do not go together are refused, as with Docker', async () => {
  const net = await engine.networks.create('net')
  const [hostNetwork, none] = [await engine.networks.get('host'), await engine.networks.get('none')]
  const onHost = await sleeper('onhost', 'host')
  const alone = await sleeper('alone', 'none')
  const web = await sleeper('web', 'net')
  const shared = await sleeper('shared', 'container:web')
  const sharing =
    'container sharing network namespace with another container or host cannot be connected to any other network'
  const several = 'container cannot be connected to multiple networks with one of the networks in private (none) mode'
  const hosts = 'container cannot be disconnected from host network or connected to host network'
  await expect(net.connect(onHost)).rejects.toThrow(code('NETWORK_PREDEFINED', sharing))
  await expect(net.connect(shared)).rejects.toThrow(code('NETWORK_PREDEFINED', sharing))
  await expect(net.connect(alone)).rejects.toThrow(code('NETWORK_PREDEFINED', several))
  await expect(none.connect(web)).rejects.toThrow(code('NETWORK_PREDEFINED', several))
  await expect(hostNetwork.connect(web)).rejects.toThrow(code('NETWORK_PREDEFINED', hosts))
  await expect(hostNetwork.disconnect(onHost)).rejects.toThrow(code('NETWORK_PREDEFINED', hosts))
  await expect(net.disconnect('nosuch', { force: true })).rejects.toThrow(
    code('CONTAINER_NOT_FOUND', 'endpoint nosuch not found'),
  )
  await none.disconnect(alone)
  await net.connect(alone)
  expect(await pings(alone, await addressOn(net, web))).toBe(true)
})

it('reloading leaves everybody reachable, by ports and links', async () => {
  const apart = await engine.networks
    .create('apart')
    .subnet('10.99.0.0/24')
    .option({ 'com.docker.network.bridge.enable_icc': 'false' })
  const web = (await engine
    .run('busybox', ['sh', '-c', 'while :; do echo served | nc -l -p 80; done'])
    .name('web')
    .network('apart')
    .publish('18081:80')) as Container
  const client = await sleeper('client', 'bridge')
  await apart.connect(client, { link: 'web' })
  await engine.networks.reload()
  await listening(web, 80)
  expect(await show(client, 'nc -w 3 web 80')).toBe('served')
  await listening(web, 80)
  const outside = await engine.run('busybox', ['nc', '-w', '3', '127.0.0.1', '18081']).network('host').rm().output()
  expect(outside.stdout).toBe('served\n')
  expect(await pings(client, await addressOn(apart, web))).toBe(false)
})
