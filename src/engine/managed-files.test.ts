import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { normalizeOptions, type RunOptions } from '../spec/index.js'
import { type HostFilesInput, managedFiles, readHostFiles } from './managed-files.js'

const host = { hosts: '127.0.0.1 localhost vm\n', resolvConf: 'nameserver 10.0.0.1\n' }

const files = (options: RunOptions, more: Partial<HostFilesInput> = {}) => {
  const context = { envFiles: new Map(), processEnv: {}, host: { cpus: 2 } }
  const config = normalizeOptions('x', ['true'], options, context)
  const input = { config, hostname: 'box', addresses: [], links: [], hasNames: false, gateway: [], host, ...more }
  const written = managedFiles(input, { hosts: '/h', hostname: '/n', resolvConf: '/r' })
  return Object.fromEntries(written.map(({ path, content }) => [path, content]))
}

const loopback = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`

test('on the default bridge: the loopback names, then the own address', () => {
  expect(files({}, { addresses: ['172.17.0.2'] })).toEqual({
    '/h': `${loopback}172.17.0.2\tbox\n`,
    '/n': 'box\n',
    '/r': 'nameserver 10.0.0.1\n',
  })
})

test('added hosts come first, then linked containers, then the own addresses', () => {
  const links = [{ alias: 'db', hostname: '22d97d638ca1', name: 'pg', addresses: ['172.17.0.3'] }]
  const more = { addresses: ['172.17.0.2'], links, gateway: ['172.17.0.1'] }
  expect(files({ addHost: ['a:1.2.3.4', 'b:host-gateway'], domainname: 'lan' }, more)['/h']).toBe(
    `${loopback}1.2.3.4\ta\n172.17.0.1\tb\n172.17.0.3\tdb 22d97d638ca1 pg\n172.17.0.2\tbox.lan box\n`,
  )
})

test('on several networks there is a line for each address, and names are asked of 127.0.0.11', () => {
  const more = { addresses: ['172.17.0.2', '172.20.0.2', 'fd00:9::2'], hasNames: true }
  expect(files({ network: 'mine' }, more)).toMatchObject({
    '/h': `${loopback}172.17.0.2\tbox\n172.20.0.2\tbox\nfd00:9::2\tbox\n`,
    '/r': 'nameserver 127.0.0.11\noptions ndots:0\n',
  })
})

test('on network none: the loopback names, and the host’s resolv.conf', () => {
  expect(files({ network: 'none', addHost: ['db:10.0.0.5'] })).toMatchObject({
    '/h': `${loopback}10.0.0.5\tdb\n`,
    '/r': 'nameserver 10.0.0.1\n',
  })
})

test('on network host: the host’s hosts, until hosts are added', () => {
  expect(files({ network: 'host', hostname: 'foo' })['/h']).toBe(host.hosts)
  expect(files({ network: 'host', addHost: ['a:1.1.1.1'] })['/h']).toBe(`${loopback}1.1.1.1\ta\n`)
})

test('the host’s files are read as far as they are needed', () => {
  expect(readHostFiles('bridge')).toEqual({ hosts: '', resolvConf: readFileSync('/etc/resolv.conf', 'utf8') })
  expect(readHostFiles('host').hosts).toBe(readFileSync('/etc/hosts', 'utf8'))
})
