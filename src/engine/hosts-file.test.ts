import { expect, test } from 'vitest'
import { extraEntry, hostsFile, linkEntry, ownEntry, updatedHosts } from './hosts-file.js'

// As Docker writes them.
test.each([
  ['web', '', 'web'],
  ['web', 'lan.example', 'web.lan.example web'],
  ['web.lan', '', 'web.lan web'],
  ['a.b', 'c', 'a.b.c a'],
])('hostname %s of domain %j is named %s', (hostname, domainname, names) => {
  expect(ownEntry(hostname, domainname, ['172.17.0.2', 'fd00:9::2'])).toEqual({
    names,
    addresses: ['172.17.0.2', 'fd00:9::2'],
  })
})

test.each([
  [{ alias: 'db', hostname: '22d97d638ca1', name: 'pg' }, 'db 22d97d638ca1 pg'],
  [{ alias: 'db', hostname: 'postgres', name: 'pg' }, 'db postgres pg'],
  [{ alias: 'pg', hostname: '22d97d638ca1', name: 'pg' }, 'pg 22d97d638ca1'],
])('the link %j is named %s', (link, names) => {
  expect(linkEntry({ ...link, addresses: ['172.17.0.3'] })).toEqual({ names, addresses: ['172.17.0.3'] })
})

test('host-gateway is every gateway of the default bridge, or an error', () => {
  expect(extraEntry('gw:host-gateway', ['172.17.0.1', 'fd00::1'])).toEqual({
    names: 'gw',
    addresses: ['172.17.0.1', 'fd00::1'],
  })
  expect(extraEntry('v6:fd00::5', [])).toEqual({ names: 'v6', addresses: ['fd00::5'] })
  const details = expect.objectContaining({ option: 'addHost' })
  expect(() => extraEntry('gw:host-gateway', [])).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', details }))
  expect(() => extraEntry('gw:host-gateway', [])).toThrow('unable to derive the IP value for host-gateway')
})

const own = ownEntry('web', '', ['172.17.0.5'])
const db = linkEntry({ alias: 'db', hostname: 'pg', name: 'db-1', addresses: ['172.17.0.3'] })
const cache = linkEntry({ alias: 'cache', hostname: 'redis', name: 'cache', addresses: ['172.17.0.4'] })
const written = hostsFile([db, cache, own])

test('a link’s new address takes the place of the old one, and nothing else changes', () => {
  const current = `# mine\n${written}9.9.9.9 own\n10.0.0.1\tdb pg db-1 more\n`
  const expected = current.replace('172.17.0.3', '172.17.0.7')
  expect(updatedHosts(current, [{ ...db, addresses: ['172.17.0.7'] }])).toBe(expected)
})

test('an address that comes is added behind the others of its names, one that goes takes its line along', () => {
  const both = updatedHosts(written, [{ ...own, addresses: ['172.17.0.5', '172.20.0.2'] }])
  expect(both).toBe(`${written}172.20.0.2\tweb\n`)
  expect(updatedHosts(`${both}own`, [{ ...own, addresses: ['172.20.0.2'] }])).toBe(
    `${hostsFile([db, cache])}172.20.0.2\tweb\nown\n`,
  )
})

test('what has no line yet gets one at the end, also of a file that ends without a newline', () => {
  expect(updatedHosts('1.1.1.1 a', [own, db])).toBe('1.1.1.1 a\n172.17.0.5\tweb\n172.17.0.3\tdb pg db-1\n')
  expect(updatedHosts('', [own])).toBe('172.17.0.5\tweb\n')
})

test('what is as it should be stays, also blank lines', () => {
  const current = `\n\n${written}\n`
  expect(updatedHosts(current, [db, cache, own])).toBe(current)
})
