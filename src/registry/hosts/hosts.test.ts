import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { get, serve, textOfBody, transport } from '../fixture.js'
import { openHosts } from './hosts.js'

describe('where a registry is', () => {
  test('docker.io is asked at registry-1.docker.io', async () => {
    expect(await openHosts().endpoints('docker.io', true)).toEqual([
      {
        registry: 'docker.io',
        host: 'registry-1.docker.io',
        prefix: '',
        schemes: ['https'],
        isInsecure: false,
        isMirror: false,
      },
    ])
  })

  test('mirrors come first, in their order, and only for pulls', async () => {
    const mirrors = ['https://one.example', 'two.example:5000/sub/', 'http://three.example']
    const hosts = openHosts({ 'docker.io': { mirrors } })
    const asked = (await hosts.endpoints('docker.io', true)).map(({ host, prefix, schemes }) => [host, prefix, schemes])
    expect(asked).toEqual([
      ['one.example', '', ['https']],
      ['two.example:5000', '/sub', ['https']],
      ['three.example', '', ['http']],
      ['registry-1.docker.io', '', ['https']],
    ])
    expect(await hosts.endpoints('docker.io', false)).toHaveLength(1)
  })

  test.each(['ftp://x', 'https://ada:correct-horse@x', 'https://x/?correct-horse', 'https://[correct-horse'])(
    'a mirror such as %s is refused, and not told',
    (mirror) => {
      const open = () => openHosts({ 'docker.io': { mirrors: [mirror] } })
      expect(open).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
      expect(open).toThrow(expect.not.stringMatching('correct-horse'))
    },
  )
})

describe('a registry is insecure', () => {
  const registries = {
    'plain.example:5000': { insecure: true },
    '10.0.0.0/8': { insecure: true },
    'fd00::/8': { insecure: true },
    '127.0.0.1:7': { insecure: false },
    '192.168.0.0/16': { insecure: false },
  }
  test.each([
    ['plain.example:5000', true],
    ['plain.example', false],
    ['10.1.2.3:5000', true],
    ['11.1.2.3:5000', false],
    ['192.168.1.1', false],
    ['[fd12::1]:5000', true],
    ['[fe80::1]:5000', false],
    ['[::ffff:10.1.1.1]:5000', true],
    ['localhost', true],
    ['localhost:5000', true],
    ['LOCALHOST:5000', true],
    ['127.0.0.1', true],
    ['127.9.9.9:80', true],
    ['127.0.0.1:7', false],
    ['[::1]:5000', true],
    ['localhost.example', false],
    ['127.0.0.1.example', false],
    ['docker.io', false],
  ])('%s: %s', async (host, isInsecure) => {
    expect(await openHosts(registries).isInsecure(host)).toBe(isInsecure)
  })

  test('when its name is of an address in the range, as in Docker', async () => {
    const hosts = openHosts({ '127.0.0.0/8': { insecure: true }, '::1/128': { insecure: true } })
    expect(await hosts.isInsecure('localhost')).toBe(true)
  })

  test('a range that is none is refused', () => {
    expect(() => openHosts({ '10.0.0.0/99': { insecure: true } })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    )
  })
})

describe('mirrors', () => {
  const pull = { mirrored: true }

  test('the first one that has it answers', async () => {
    const empty = await serve((_, response) => response.writeHead(404).end())
    const refusing = await serve((_, response) => response.writeHead(401).end())
    const broken = await serve((_, response) => response.writeHead(500).end())
    const full = await serve(({ url }, response) => response.end(url))
    const registry = await serve((_, response) => response.end('registry'))
    const mirrors = ['http://127.0.0.1:1', ...[empty, refusing, broken].map(({ host }) => `http://${host}`)]
    const options = { registries: { [registry.host]: { mirrors: [...mirrors, `http://${full.host}/sub`] } } }
    const response = await transport(options).request(get(registry.host, '/v2/x?y=z', pull))
    expect(await textOfBody(response)).toBe('/sub/v2/x?y=z')
    expect([empty, refusing, broken, registry].map(({ asked }) => asked.length)).toEqual([1, 1, 1, 0])
  })

  test('the registry itself answers when none does', async () => {
    const mirror = await serve((_, response) => response.writeHead(404).end())
    const registry = await serve((_, response) => response.end('registry'))
    const options = { registries: { [registry.host]: { mirrors: [`http://${mirror.host}`] } } }
    expect(await textOfBody(await transport(options).request(get(registry.host, '/v2/x', pull)))).toBe('registry')
  })

  test('are not asked for what is no pull', async () => {
    const mirror = await serve((_, response) => response.end('mirror'))
    const registry = await serve((_, response) => response.end('registry'))
    const options = { registries: { [registry.host]: { mirrors: [`http://${mirror.host}`] } } }
    expect(await textOfBody(await transport(options).request(get(registry.host)))).toBe('registry')
  })

  test('get no credentials that were given for the registry', async () => {
    const challenge = { 'www-authenticate': 'Basic realm="x"' }
    const mirror = await serve((_, response) => response.writeHead(401, challenge).end())
    const registry = await serve((_, response) => response.end('registry'))
    const options = { registries: { [registry.host]: { mirrors: [`http://${mirror.host}`] } } }
    const auth = { username: 'ada', password: 'correct-horse' }
    await transport(options).request(get(registry.host, '/v2/x', { ...pull, auth }))
    expect(mirror.asked).toHaveLength(1)
    expect(inspect(mirror.asked)).not.toContain('authorization')
  })
})
