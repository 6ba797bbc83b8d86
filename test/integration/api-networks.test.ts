import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container, Network } from '../../src/index.js'
import { command, type TestApi, testApi } from '../support/api.js'

let api: TestApi
let web: Container
let net: Network

beforeAll(async () => {
  api = await testApi()
  net = await api.engine.networks.create('net', { subnet: '10.83.0.0/24', label: { stage: 'ci' } })
  web = await api.engine.run('busybox', ['sleep', '600']).name('web').network('net')
})

afterAll(() => api[Symbol.asyncDispose]())

const filters = (document: unknown) => `filters=${encodeURIComponent(JSON.stringify(document))}`
const namesOf = async (path: string) => {
  const { document } = await api.request('GET', path)
  return (document as { Name: string }[]).map(({ Name }) => Name)
}

describe('networks are listed', () => {
  test("with Docker's fields, and without who is on them", async () => {
    const { status, document } = await api.request('GET', `/v1.47/networks?${filters({ name: ['^net$'] })}`)
    expect(status).toBe(200)
    expect(document).toEqual([
      {
        Name: 'net',
        Id: net.id,
        Created: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        Scope: 'local',
        Driver: 'bridge',
        EnableIPv4: true,
        EnableIPv6: false,
        IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '10.83.0.0/24' }] },
        Internal: false,
        Attachable: false,
        Ingress: false,
        ConfigFrom: { Network: '' },
        ConfigOnly: false,
        Containers: {},
        Options: {},
        Labels: { stage: 'ci' },
      },
    ])
  })

  test('with who is on them, for clients older than 1.28', async () => {
    const { document } = await api.request('GET', `/v1.27/networks?${filters({ name: ['^net$'] })}`)
    expect(document[0].Containers[web.id]).toMatchObject({ Name: 'web', IPv4Address: '10.83.0.2/24' })
  })

  test.each([
    [{ type: ['builtin'] }, ['bridge', 'host', 'none']],
    [{ type: { custom: true } }, ['net']],
    [{ type: ['custom', 'builtin'] }, ['bridge', 'host', 'net', 'none']],
    [{ label: ['stage=ci'] }, ['net']],
    [{ label: { 'stage=cd': true } }, []],
    [{ driver: ['null', 'host'] }, ['host', 'none']],
    [{ scope: ['swarm'] }, []],
    [{ dangling: ['1'] }, []],
    [{ dangling: ['false'], name: ['n'] }, ['net', 'none']],
    [{ name: [] }, ['bridge', 'host', 'net', 'none']],
  ])('that fit %j', async (wanted, names) => {
    expect(await namesOf(`/networks?${filters(wanted)}`)).toEqual(names)
  })

  test.each([
    [{ nosuch: ['x'] }, "Invalid filter 'nosuch'"],
    [{ dangling: ['maybe'] }, "invalid filter 'dangling=[maybe]'"],
    [{ type: ['strange'] }, "invalid filter: 'type'='strange'"],
  ])('but not by %j', async (wanted, message) => {
    const answer = await api.request('GET', `/networks?${filters(wanted)}`)
    expect(answer).toMatchObject({ status: 400, document: { message: expect.stringContaining(message) } })
  })
})

describe('a network', () => {
  test.each([
    ['its name', () => 'net'],
    ['its id', () => net.id],
    ['the beginning of its id', () => net.id.slice(0, 12)],
  ])('is inspected by %s', async (_, name) => {
    const { status, document } = await api.request('GET', `/networks/${name()}?verbose=true&scope=local`)
    expect(status).toBe(200)
    expect(document.Id).toBe(net.id)
    expect(document.Containers[web.id]).toEqual({
      Name: 'web',
      EndpointID: expect.stringMatching(/^[0-9a-f]{64}$/),
      MacAddress: '02:42:0a:53:00:02',
      IPv4Address: '10.83.0.2/24',
      IPv6Address: '',
    })
  })

  test.each([
    ['/networks/nosuch', 404, 'network nosuch not found'],
    ['/networks/net?scope=swarm', 404, 'network net not found'],
    ['/networks/net?verbose=maybe', 400, 'invalid value for verbose: maybe'],
  ])('is not told of by %s', async (path, status, message) => {
    const answer = await api.request('GET', path)
    expect(answer).toMatchObject({ status, document: { message: expect.stringContaining(message) } })
  })

  test('is made of all that Docker takes, and removed', async () => {
    const asked = {
      Name: 'full',
      CheckDuplicate: true,
      Driver: 'bridge',
      Internal: true,
      Attachable: true,
      EnableIPv6: true,
      IPAM: {
        Driver: 'default',
        Options: null,
        Config: [
          {
            Subnet: '10.84.0.0/16',
            IPRange: '10.84.1.0/24',
            Gateway: '10.84.0.9',
            AuxiliaryAddresses: { printer: '10.84.1.9' },
          },
          { Subnet: 'fd84::/64' },
        ],
      },
      Options: { 'com.docker.network.driver.mtu': '1400' },
      Labels: { a: 'b' },
    }
    const made = await api.request('POST', '/v1.41/networks/create', asked)
    expect(made).toMatchObject({ status: 201, document: { Id: expect.stringMatching(/^[0-9a-f]{64}$/), Warning: '' } })
    const { document } = await api.request('GET', '/networks/full')
    expect(document).toMatchObject({
      Internal: true,
      Attachable: true,
      EnableIPv6: true,
      IPAM: { Config: asked.IPAM.Config },
      Options: asked.Options,
      Labels: asked.Labels,
    })
    expect(await api.request('DELETE', '/networks/full')).toMatchObject({ status: 204, text: '' })
    expect(await api.request('GET', '/networks/full')).toMatchObject({ status: 404 })
  })

  test.each([
    [{ Name: 'net' }, 409, 'network with name net already exists'],
    [{ Name: 'bridge' }, 403, 'operation is not permitted on predefined bridge network'],
    [{ Name: 'x', Driver: 'nosuch' }, 404, 'plugin "nosuch" not found'],
    [{ Name: 'x', Driver: 'host' }, 403, 'only one instance of "host" network is allowed'],
    [{ Name: 'x', Driver: 'overlay' }, 503, 'This node is not a swarm manager.'],
    [{ Name: 'x', Scope: 'swarm' }, 403, 'cannot create a swarm scoped network'],
    [{ Name: 'x', IPAM: { Config: [{ Subnet: '10.83.0.0/16' }] } }, 403, 'Pool overlaps with other one'],
    [{ Name: 'x', IPAM: { Config: [{ Gateway: '10.99.0.1' }] } }, 400, 'Invalid subnet'],
    [{ Name: 'x', Driver: 5 }, 400, 'Driver'],
    [{ Name: '' }, 400, 'Invalid network name'],
    [undefined, 400, 'invalid request'],
  ])('is not made of %j', async (asked, status, message) => {
    const answer = await api.request('POST', '/networks/create', asked)
    expect(answer).toMatchObject({ status, document: { message: expect.stringContaining(message) } })
  })

  test.each([
    ['bridge', 403, 'bridge is a pre-defined network and cannot be removed'],
    ['net', 403, 'error while removing network: network net id'],
    ['nosuch', 404, 'network nosuch not found'],
  ])('called %s is not removed', async (name, status, message) => {
    const answer = await api.request('DELETE', `/networks/${name}`)
    expect(answer).toMatchObject({ status, document: { message: expect.stringContaining(message) } })
  })
})

describe('a container', () => {
  test('comes to a network with what it asks for there, and leaves it', async () => {
    await api.engine.networks.create('other', { subnet: '10.85.0.0/24' })
    const EndpointConfig = {
      IPAMConfig: { IPv4Address: '10.85.0.9', IPv6Address: '' },
      Aliases: ['www'],
      Links: null,
      MacAddress: '02:42:0a:55:00:77',
    }
    const connected = await api.request('POST', '/networks/other/connect', { Container: 'web', EndpointConfig })
    expect(connected).toMatchObject({ status: 200, text: '' })
    const { document } = await api.request('GET', '/networks/other')
    expect(document.Containers[web.id]).toMatchObject({
      IPv4Address: '10.85.0.9/24',
      MacAddress: '02:42:0a:55:00:77',
    })
    const again = await api.request('POST', '/networks/other/connect', { Container: 'web' })
    expect(again).toMatchObject({ status: 403, document: { message: expect.stringContaining('already exists in') } })

    const left = await api.request('POST', '/networks/other/disconnect', { Container: web.id, Force: true })
    expect(left).toMatchObject({ status: 200, text: '' })
    const gone = await api.request('POST', '/networks/other/disconnect', { Container: 'web' })
    expect(gone).toMatchObject({ status: 403, document: { message: expect.stringContaining('is not connected') } })
  })

  test.each([
    ['connect', { Container: 'nosuch' }, 404, 'No such container: nosuch'],
    ['disconnect', { Container: 'nosuch' }, 404, 'No such container: nosuch'],
    ['disconnect', { Container: 'nosuch', Force: true }, 404, 'endpoint nosuch not found'],
    ['connect', {}, 400, 'invalid name or ID supplied'],
    [
      'connect',
      { Container: 'web', EndpointConfig: { IPAMConfig: { LinkLocalIPs: ['169.254.1.1'] } } },
      400,
      'link-local',
    ],
  ])('does not %s as %j', async (verb, asked, status, message) => {
    const answer = await api.request('POST', `/networks/net/${verb}`, asked)
    expect(answer).toMatchObject({ status, document: { message: expect.stringContaining(message) } })
  })
})

test('networks without containers are pruned, of those that fit', async () => {
  await api.engine.networks.create('old', { label: { keep: 'no' } })
  await api.engine.networks.create('kept', { label: { keep: 'yes' } })
  const prune = (wanted: unknown) => api.request('POST', `/networks/prune?${filters(wanted)}`)
  expect(await prune({ until: ['24h'] })).toMatchObject({ status: 200, document: { NetworksDeleted: null } })
  const deleted = await prune({ 'label!': ['keep=yes'], label: ['keep'] })
  expect(deleted.document).toEqual({ NetworksDeleted: ['old'] })
  expect(await prune({ until: ['1h', '2h'] })).toMatchObject({ status: 400 })
  expect(await prune({ nosuch: ['x'] })).toMatchObject({ status: 400 })
  await (await api.engine.networks.get('kept')).remove()
})

test.each(['/usr/bin/docker', '/usr/local/bin/docker'])('%s does all of it', async (docker) => {
  const run = async (...args: string[]) => {
    const { stdout, stderr } = await command(docker, ['network', ...args], { env: api.env })
    return `${stdout}${stderr}`.trim()
  }
  expect(await run('create', '--subnet', '10.86.0.0/24', '--label', 'by=client', 'mine')).toMatch(/^[0-9a-f]{64}$/)
  expect(await run('ls', '--filter', 'label=by', '--format', '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}}')).toBe(
    'mine bridge local by=client',
  )
  expect(await run('connect', '--ip', '10.86.0.7', '--alias', 'www', 'mine', 'web')).toBe('')
  expect(await run('inspect', '-f', '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}', 'mine')).toBe(
    'web 10.86.0.7/24',
  )
  expect(await run('disconnect', 'mine', 'web')).toBe('')
  expect(await run('prune', '-f', '--filter', 'label=by')).toBe('Deleted Networks:\nmine')
  expect(await run('rm', 'mine')).toContain('mine')
})
