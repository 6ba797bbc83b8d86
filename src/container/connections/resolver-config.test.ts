import { expect, test } from 'vitest'
import { hostsAddresses, mostAddresses } from './hosts.js'
import { parseResolverConfig, searchedNames } from './resolver-config.js'

test('reads servers, domains and options as the C library does', () => {
  const text = `# mine\nnameserver 127.0.0.11 ; here\nnameserver fd00::1\nnameserver nonsense\nsearch a.test b.test.\noptions ndots:0 timeout:3 attempts:1`
  expect(parseResolverConfig(text)).toEqual({
    servers: ['127.0.0.11', 'fd00::1'],
    search: ['a.test', 'b.test.'],
    ndots: 0,
    timeoutMs: 3000,
    attempts: 1,
  })
})

test('has the usual values for what is missing, or cannot be', () => {
  const usual = { servers: ['127.0.0.1'], search: [], ndots: 1, timeoutMs: 5000, attempts: 2 }
  expect(parseResolverConfig('')).toEqual(usual)
  expect(parseResolverConfig('options ndots:many timeout: attempts:-1')).toEqual(usual)
})

test('is bounded, whoever has written it', () => {
  const many = (word: string) => Array.from({ length: 100 }, (_, at) => `${word}${at}`)
  const text = `${many('nameserver 10.0.0.').join('\n')}\nsearch ${many('d').join(' ')}\noptions timeout:9999 attempts:9999 ndots:9999`
  const { servers, search, ...rest } = parseResolverConfig(text)
  expect([servers.length, search.length, rest]).toEqual([3, 6, { ndots: 15, timeoutMs: 30_000, attempts: 5 }])
})

test.each([
  ['web', 1, ['web.a.test', 'web']],
  ['web', 0, ['web', 'web.a.test']],
  ['web.b', 1, ['web.b', 'web.b.a.test']],
  ['web.', 1, ['web']],
])('of %s with ndots %i asks for %j', (name, ndots, expected) => {
  expect(searchedNames(name, { search: ['a.test', '.'], ndots })).toEqual(expected)
})

test('finds all addresses of a name in a hosts file, but not any number', () => {
  const text = '127.0.0.1 localhost\n10.0.0.1\tWeb www # web2\nfd00::1 web\nnonsense web\n#10.0.0.9 web\n'
  expect(hostsAddresses(text, 'web').map(({ address, family }) => [address, family])).toEqual([
    ['10.0.0.1', 4],
    ['fd00::1', 6],
  ])
  expect(hostsAddresses(text, 'web2')).toEqual([])
  expect(hostsAddresses('10.0.0.1 x\n'.repeat(1000), 'x')).toHaveLength(mostAddresses)
})
